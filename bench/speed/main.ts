/** @file Prints every speed and memory figure beside its peer: `npm run bench -- [FIGURE...] [--reps N] [--json]`. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { environment } from '../../src/runs/environment.ts';
import { writeJson } from '../../src/tensor/files/json-file.ts';
import { demoFigure } from './demo-figure.ts';
import type { Bench, Figure, Row } from './figure.ts';
import { resnetFigure, vitFigure } from './image-figures.ts';
import { matmulShareFigure } from './matmul-share.ts';
import { memoryFigure } from './memory-figure.ts';
import { modelFolder } from './models.ts';
import { startPeer } from './peer.ts';
import { promptFigure } from './prompt-figure.ts';
import { heading, tableLine } from './table.ts';
import { workersFigure } from './workers-figure.ts';

const figures: Readonly<Record<string, Figure>> = {
  vit: vitFigure,
  rn50: resnetFigure,
  prompts: promptFigure,
  share: matmulShareFigure,
  memory: memoryFigure,
  workers: workersFigure,
  demo: demoFigure,
};

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** Timed turns of each contestant. */
    reps: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
    /** A Python with what bench/speed/peer/requirements.txt lists. */
    python: { type: 'string', default: 'python3' },
    /** Where the models with random weights are kept from call to call (1 GB). */
    cache: { type: 'string', default: join(tmpdir(), 'neural-antidote-bench') },
    /** Writes bench/results/speed.json as well. */
    json: { type: 'boolean', default: false },
  },
});
const wholeNumber = (name: 'reps' | 'threads') => {
  const value = Number(flags[name]);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name}: found ${flags[name]}, expected 1 or more`);
  return value;
};
const unknown = positionals.find((name) => !(name in figures));
if (unknown !== undefined) {
  throw new Error(`found the figure "${unknown}", expected some of ${Object.keys(figures).join(', ')}`);
}
const threads = wholeNumber('threads');
const reps = wholeNumber('reps');

const versions: Record<string, string> = { ...environment().versions };
const scratch = await mkdtemp(join(tmpdir(), 'neural-antidote-bench-'));
const say = (line: string) => console.error(`... ${line}`);
const bench: Bench = {
  threads,
  reps,
  scratch,
  model: (name) => modelFolder(flags.cache, name, say),
  async peer(folder) {
    const peer = await startPeer(flags.python, threads, folder);
    if ('absent' in peer) say(peer.absent);
    else Object.assign(versions, peer.versions);
    return peer;
  },
  say,
};

const machine = {
  processor: environment().platform.processor,
  cores: cpus().length,
  memory: `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
};
console.log(`${machine.processor}, ${machine.cores} cores, ${machine.memory}; ${threads} threads, median of ${reps}\n`);
console.log(heading);
const rows: Row[] = [];
const failures: string[] = [];
try {
  for (const name of positionals.length > 0 ? positionals : Object.keys(figures)) {
    try {
      for (const row of await figures[name]!(bench)) {
        rows.push(row);
        console.log(tableLine(row));
      }
    } catch (error) {
      failures.push(`${name}: ${(error as Error).message}`);
      console.log(`${name} FAILED: ${(error as Error).message}`);
    }
  }
} finally {
  await rm(scratch, { recursive: true, force: true });
}
const listed = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
console.log(`\n${listed.join(', ')}`);
if (flags.json) {
  const folder = fileURLToPath(new URL('results', import.meta.url));
  await mkdir(folder, { recursive: true });
  const result = { machine, threads, reps, versions, rows, failures };
  await writeJson(join(folder, 'speed.json'), result);
  console.log(join(folder, 'speed.json'));
}
process.exitCode = failures.length > 0 ? 1 : 0;
