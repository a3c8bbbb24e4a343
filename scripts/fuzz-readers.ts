/**
 * @file Damages real files in a hundred thousand ways and opens them: `npm run fuzz`, and to try what failed again
 * `npm run fuzz -- CASES SEED`. Most are files of weights; every fifth case is one of the other files that are read.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { cases, check, seeds } from '../src/checkpoints/pytorch/fuzz.test-support.ts';
import { otherCases, otherSeeds, tryOther } from '../test/fuzz/other-readers.ts';

const total = Number(process.argv[2] ?? 100_000);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
/** Node's own memory and that of the garbage that it has not yet collected. */
const mostMemory = 1e9;
/** Files of weights are opened together: one by one they would wait for the disk. The time of all of them is limited. */
const batch = 50;

/** A kind of files: how many cases, and what is done for each of its runs. */
interface Campaign {
  readonly name: string;
  readonly cases: number;
  readonly casesARun: number;
  readonly property: fc.IAsyncProperty<[unknown]>;
  readonly counts: { read: number; refused: number; slowest: number };
}

const folder = await mkdtemp(join(tmpdir(), 'antidote-fuzz-'));

async function weights(share: number): Promise<Campaign> {
  const files = await seeds();
  const counts = { read: 0, refused: 0, slowest: 0 };
  const property = fc.asyncProperty(
    fc.array(cases(files.length), { minLength: batch, maxLength: batch }),
    async (run) => {
      const { read, refused, milliseconds } = await check(files, run, folder);
      counts.read += read;
      counts.refused += refused;
      counts.slowest = Math.max(counts.slowest, milliseconds);
      checkMemory();
    },
  );
  return {
    name: `weights (${files.length} files, ${batch} at once)`,
    cases: share,
    casesARun: batch,
    property,
    counts,
  };
}

async function others(share: number): Promise<Campaign> {
  const files = await otherSeeds(folder);
  const counts = { read: 0, refused: 0, slowest: 0 };
  const property = fc.asyncProperty(otherCases(files.length), async (run) => {
    const { read, milliseconds } = await tryOther(files, run, folder);
    counts[read ? 'read' : 'refused']++;
    counts.slowest = Math.max(counts.slowest, milliseconds);
    checkMemory();
  });
  return { name: `others (${files.length} files)`, cases: share, casesARun: 1, property, counts };
}

/** The most that there ever was, so that what a case took and gave back at once is seen as well. */
function checkMemory(): void {
  const bytes = 1024 * process.resourceUsage().maxRSS;
  if (bytes > mostMemory) throw new Error(`${bytes} bytes of memory`);
}

console.log(`${total} cases, seed ${seed}`);
try {
  for (const { name, cases: share, casesARun, property, counts } of [
    await weights(Math.round(0.8 * total)),
    await others(Math.round(0.2 * total)),
  ]) {
    const telling = setInterval(() => console.log(`${name}: ${counts.read + counts.refused} of ${share}`), 30_000);
    await fc.assert(property, { numRuns: Math.ceil(share / casesARun), seed }).finally(() => clearInterval(telling));
    console.log(
      `${name}: ${counts.refused} refused, ${counts.read} read, slowest ${counts.slowest.toFixed(0)} ms of processor time`,
    );
  }
  console.log(`at most ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
