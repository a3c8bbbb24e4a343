/** @file How long `npm run demo` takes on a terminal, and how long its display ever stands still. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { atMost, type Figure } from './figure.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));

interface Watched {
  readonly seconds: number;
  readonly longestGap: number;
  /** What was on display during it. */
  readonly shown: string;
}

export const demoFigure: Figure = async (bench) => {
  bench.say('npm run demo');
  const watched = await watch(`npm run demo -- --threads ${bench.threads} --out '${join(bench.scratch, 'demo')}'`);
  if ('absent' in watched) {
    bench.say(watched.absent);
    return [];
  }
  const { seconds, longestGap, shown } = watched;
  return [
    atMost({ what: 'npm run demo, from start to end', unit: 's', samples: [seconds], note: 'one run' }, 120),
    atMost(
      {
        what: 'npm run demo, longest time without a change on the terminal',
        unit: 's',
        samples: [longestGap],
        note: `one run; after "${shown}"`,
      },
      1,
    ),
  ];
};

/** Runs a command on a terminal of its own (script, of util-linux) and notes when it writes. */
function watch(command: string): Promise<Watched | { readonly absent: string }> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
      cwd: project,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TERM: 'xterm' },
    });
    let last = started;
    let tail = '';
    let longest = { gap: 0, shown: 'the start' };
    const seen = (chunk: string) => {
      const now = performance.now();
      if (now - last > longest.gap) longest = { gap: now - last, shown: lastLine(tail) || 'the start' };
      last = now;
      tail = (tail + chunk).slice(-4000);
    };
    child.stdout.setEncoding('utf8').on('data', seen);
    child.stderr.setEncoding('utf8').on('data', seen);
    child.once('error', (error) =>
      resolve({
        absent: `the display needs a terminal, and script of util-linux makes one (${error.message}): left out`,
      }),
    );
    child.once('close', (code) => {
      seen('');
      if (code !== 0) return reject(new Error(`npm run demo ended with ${code}: ${lastLine(tail)}`));
      resolve({ seconds: (last - started) / 1000, longestGap: longest.gap / 1000, shown: longest.shown });
    });
  });
}

function lastLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal is told begins with one
  const plain = text.replace(/\x1b\[[\d;]*[A-Za-z]/g, '');
  return (
    plain
      .split(/[\r\n]+/)
      .filter((line) => line.trim() !== '')
      .at(-1)
      ?.trim() ?? ''
  );
}
