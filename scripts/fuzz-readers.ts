/**
 * @file Damages real files of weights in a hundred thousand ways and opens them: `npm run fuzz`, and to try what failed
 * again `npm run fuzz -- CASES SEED`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { type Case, cases, check, seeds } from '../src/checkpoints/pytorch/fuzz.test-support.ts';

const numRuns = Number(process.argv[2] ?? 100_000);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
/** Node's own memory and that of the garbage that it has not yet collected. */
const mostMemory = 1e9;

const files = await seeds();
const folder = await mkdtemp(join(tmpdir(), 'antidote-fuzz-'));
const path = join(folder, 'damaged');
const counts = { read: 0, refused: 0 };
let slowest = 0;
let done = 0;

async function tryOne(damaged: Case): Promise<void> {
  const { result, milliseconds } = await check(files[damaged.seed]!, damaged, path);
  counts[result]++;
  slowest = Math.max(slowest, milliseconds);
  const { rss } = process.memoryUsage();
  if (rss > mostMemory) throw new Error(`${rss} bytes of memory`);
  if (++done % 10_000 === 0) console.log(`${done} of ${numRuns}, slowest ${slowest.toFixed(0)} ms`);
}

console.log(`${numRuns} cases from ${files.length} files, seed ${seed}`);
try {
  await fc.assert(fc.asyncProperty(cases(files.length), tryOne), { numRuns, seed });
  const memory = (process.resourceUsage().maxRSS / 1024).toFixed(0);
  console.log(
    `${counts.refused} refused, ${counts.read} read; slowest ${slowest.toFixed(0)} ms, at most ${memory} MiB`,
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}
