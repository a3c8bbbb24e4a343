/** @file Commands as child processes: how they ended, and what they printed. `antidote` is the one that is built. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** What Node is given to run a command. */
export type Program = readonly string[];

/** What users run: `test/built.ts` builds it before the first test. */
export const antidote: Program = [path('../dist/cli/main.mjs')];

/** The same frame around one command of its own. */
export const counting: Program = ['--import', 'tsx', path('cli/counting-command.ts')];

export interface Ended {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Begun {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** @param env beside the test's own */
export function begin(program: Program, args: readonly string[], env: Readonly<Record<string, string>> = {}): Begun {
  const child = spawn(process.execPath, [...program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  return { child, ended: new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err }))) };
}

export const run = (program: Program, ...args: string[]): Promise<Ended> => begin(program, args).ended;

/** Ends the child by a signal as soon as something is true; looked at all the time. */
export async function endWhen({ child, ended }: Begun, signal: NodeJS.Signals, isTime: () => boolean): Promise<Ended> {
  const watch = setInterval(() => isTime() && child.kill(signal) && clearInterval(watch), 5);
  try {
    return await ended;
  } finally {
    clearInterval(watch);
  }
}
