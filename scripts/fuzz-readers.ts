/**
 * @file Damages real files of weights in a hundred thousand ways and opens them: `npm run fuzz`, and to try what failed
 * again `npm run fuzz -- CASES SEED`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { type Case, cases, check, seeds } from '../src/checkpoints/pytorch/fuzz.test-support.ts';

const total = Number(process.argv[2] ?? 100_000);
const batch = 50;
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
/** Node's own memory and that of the garbage that it has not yet collected. */
const mostMemory = 1e9;

const files = await seeds();
const folder = await mkdtemp(join(tmpdir(), 'antidote-fuzz-'));
const counts = { read: 0, refused: 0 };
let slowest = 0;
let done = 0;

async function tryBatch(damaged: readonly Case[]): Promise<void> {
  const { read, refused, milliseconds } = await check(files, damaged, folder);
  counts.read += read;
  counts.refused += refused;
  slowest = Math.max(slowest, milliseconds);
  const { rss } = process.memoryUsage();
  if (rss > mostMemory) throw new Error(`${rss} bytes of memory`);
  done += damaged.length;
  if (done % 10_000 === 0) console.log(`${done} of ${total}, slowest batch of ${batch}: ${slowest.toFixed(0)} ms`);
}

console.log(`${total} cases from ${files.length} files, seed ${seed}`);
try {
  const batches = fc.array(cases(files.length), { minLength: batch, maxLength: batch });
  await fc.assert(fc.asyncProperty(batches, tryBatch), { numRuns: Math.ceil(total / batch), seed });
  const memory = (process.resourceUsage().maxRSS / 1024).toFixed(0);
  console.log(
    `${counts.refused} refused, ${counts.read} read; slowest batch of ${batch}: ${slowest.toFixed(0)} ms; at most ${memory} MiB`,
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}
