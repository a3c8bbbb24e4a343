/** @file The cache of embeddings: computed once, stored in chunks, recomputed if damaged. */
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { float32 } from '../tensor/tensor.ts';
import { chunkPictures, openFeatureCache } from './feature-cache.ts';
import type { FeatureRequest } from './recorder.ts';

const folder = temporaryFolder();
const identity = { model: 'm', pictures: 'p' };
const basis = { code: 'c', device: 'cpu' };
const batch = 64;

const refuse = (problem: unknown) => {
  throw problem;
};

/** Rows that hold their position; lists what was computed, and fails before the position `failAt`. */
function request(count: number, more: Partial<FeatureRequest> = {}, failAt = Number.POSITIVE_INFINITY) {
  const computed: number[] = [];
  const reported: number[] = [];
  const asked: FeatureRequest = {
    identity,
    shape: [count, 2],
    async *compute(positions) {
      for (let first = 0; first < positions.length; first += batch) {
        const some = positions.slice(first, first + batch);
        if (some.some((position) => position >= failAt)) throw new Error('killed');
        computed.push(...some);
        yield {
          positions: some,
          embeddings: float32(
            some.flatMap((p) => [p, -p]),
            [some.length, 2],
          ),
        };
      }
    },
    progress: (done) => reported.push(done),
    ...more,
  };
  return { asked, computed, reported };
}

const expected = (count: number) => float32(Array.from({ length: count }, (_, i) => [i, -i]).flat(), [count, 2]);

/** Positive zero where `-0` was computed, so that they compare. */
const settled = ({ data, ...rest }: { data: Float32Array }) => ({ ...rest, data: data.map((x) => x + 0) });

test('embeddings are computed once, also for the next process', async () => {
  const directory = join(folder(), 'once');
  const count = 2 * chunkPictures + 100;
  const first = request(count);
  const cache = openFeatureCache(directory, basis, refuse);
  const [a, b] = await Promise.all([cache.embeddings(first.asked), cache.embeddings(first.asked)]);
  expect(settled(a)).toEqual(settled(expected(count)));
  expect(b).toBe(a);
  expect(first.computed).toHaveLength(count);
  expect(first.reported.at(-1)).toBe(count);
  expect(await readdir(directory)).toHaveLength(3);
  const second = request(count, { identity: { pictures: 'p', model: 'm' } });
  expect(settled(await openFeatureCache(directory, basis, refuse).embeddings(second.asked))).toEqual(settled(a));
  expect(second.computed).toEqual([]);
  expect(second.reported).toEqual([count]);
});

test('another model, picture set, trigger, size or code gives another set of embeddings', async () => {
  const directory = join(folder(), 'differing');
  const requests: [Record<string, string>, Partial<FeatureRequest>][] = [
    [basis, {}],
    [basis, { identity: { ...identity, trigger: 't' } }],
    [basis, { identity: { ...identity, model: 'other' } }],
    [basis, { identity: { ...identity, pictures: 'other' } }],
    [{ ...basis, code: 'other' }, {}],
  ];
  for (const [under, more] of requests) {
    const { asked, computed } = request(10, more);
    await openFeatureCache(directory, under, refuse).embeddings(asked);
    expect(computed).toHaveLength(10);
  }
  const shorter = request(9);
  await openFeatureCache(directory, basis, refuse).embeddings(shorter.asked);
  expect(shorter.computed).toHaveLength(9);
  expect(await readdir(directory)).toHaveLength(6);
});

test('a killed computation continues after its last complete chunk, with the same batches', async () => {
  const directory = join(folder(), 'killed');
  const count = 3 * chunkPictures;
  const killed = request(count, {}, 2 * chunkPictures + 200);
  await expect(openFeatureCache(directory, basis, refuse).embeddings(killed.asked)).rejects.toThrow('killed');
  expect(killed.computed.length).toBeGreaterThan(2 * chunkPictures);
  const again = request(count);
  const result = await openFeatureCache(directory, basis, refuse).embeddings(again.asked);
  expect(settled(result)).toEqual(settled(expected(count)));
  expect(again.computed).toEqual(Array.from({ length: chunkPictures }, (_, i) => 2 * chunkPictures + i));
  expect(again.reported[0]).toBe(2 * chunkPictures);
});

test('a failed computation is repeated at the next request in the same process', async () => {
  const cache = openFeatureCache(join(folder(), 'failing'), basis, refuse);
  await expect(cache.embeddings(request(10, {}, 0).asked)).rejects.toThrow('killed');
  expect(settled(await cache.embeddings(request(10).asked))).toEqual(settled(expected(10)));
});

const damages: Record<string, (path: string) => Promise<void>> = {
  'holds something else': (path) => writeFile(path, 'spoilt'),
  'was cut short': async (path) => writeFile(path, (await readFile(path)).subarray(0, -8)),
  'has one bit flipped': async (path) => {
    const file = await open(path, 'r+');
    const { size } = await file.stat();
    await file.write(Uint8Array.of(1), 0, 1, size - 5);
    await file.close();
  },
  'is a folder': async (path) => {
    await rm(path);
    await mkdir(path);
  },
};

test.each(Object.keys(damages))('a chunk that %s is computed anew, the others are not', async (what) => {
  const directory = join(folder(), what);
  const count = 2 * chunkPictures;
  await openFeatureCache(directory, basis, refuse).embeddings(request(count).asked);
  const [damaged] = (await readdir(directory)).sort();
  await damages[what]!(join(directory, damaged!));
  const again = request(count);
  const ignore = () => {}; // A folder in the file's place cannot be replaced.
  const result = await openFeatureCache(directory, basis, ignore).embeddings(again.asked);
  expect(settled(result)).toEqual(settled(expected(count)));
  expect(again.computed).toEqual(Array.from({ length: chunkPictures }, (_, i) => i));
  if (what === 'is a folder') return;
  const mended = request(count);
  await openFeatureCache(directory, basis, refuse).embeddings(mended.asked);
  expect(mended.computed).toEqual([]);
});

test('a folder that cannot be written is no error of the computation, unless the callback throws', async () => {
  const file = join(folder(), 'file');
  await writeFile(file, '');
  const problems: unknown[] = [];
  const cache = openFeatureCache(join(file, 'below'), basis, (problem) => problems.push(problem));
  expect(settled(await cache.embeddings(request(10).asked))).toEqual(settled(expected(10)));
  expect(String(problems[0])).toMatch(/below: found a file where a folder should be/);
  const strict = openFeatureCache(join(file, 'below'), basis, refuse);
  await expect(strict.embeddings(request(10).asked)).rejects.toThrow(/below/);
});
