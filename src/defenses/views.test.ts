import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openClip } from '../checkpoints/open.ts';
import type { Pictures } from '../clip/pictures/pictures.ts';
import { openPictureSet } from '../data/open.ts';
import { furtherViews, viewsOf } from './views.ts';

test('few shots have four views, more shots fewer, and many only themselves', () => {
  const counts = [1, 1600, 2048, 2049, 4096, 4097, 16_000];
  expect(counts.map((count) => furtherViews(count, 4))).toEqual([3, 3, 3, 2, 1, 0, 0]);
  expect(furtherViews(1600, 1)).toBe(0);
});

const { config } = await openClip('emoji-clip');
const three = { perClass: 3, seed: 1 };
const shots = await openPictureSet('emoji:train', { classes: ['banana', 'robot'], config, shots: three });

test('every shot has its further views, in order, with its own label', async () => {
  const views = viewsOf(shots, 4, 1);
  expect([...views.labels]).toEqual([...shots.labels, ...shots.labels, ...shots.labels]);
  const { data: before } = await shots.read([0]);
  const seen = await views.read([0, 6, 12]);
  expect(seen.shape).toEqual([3, 3, 64, 64]);
  const { length } = before;
  const all = [before, ...[0, 1, 2].map((i) => seen.data.slice(i * length, (i + 1) * length))];
  expect(new Set(all.map((picture) => Buffer.from(picture).toString('hex'))).size).toBe(4);
});

test('no view is mirrored: a left arrow would become a right arrow', async () => {
  const size = config.image.resolution;
  const leftHalf = {
    ...shots,
    labels: Int32Array.of(0),
    read: async (positions: readonly number[]) => halves(positions.length),
  };
  const halves = (count: number): Pictures => {
    const data = Uint8Array.from({ length: count * 3 * size * size }, (_, i) => (i % size < size / 2 ? 255 : 0));
    return { dtype: 'uint8', shape: [count, 3, size, size], data };
  };
  const { data } = await viewsOf(leftHalf, 33, 1).read(Array.from({ length: 32 }, (_, i) => i));
  const sums = { left: 0, right: 0 };
  for (let i = 0; i < data.length; i += size) {
    const row = data.subarray(i, i + size);
    sums.left += row[0]!;
    sums.right += row[size - 1]!;
  }
  expect(sums.left).toBeGreaterThan(10 * sums.right);
});

test('a view does not depend on the pictures read with it, and differs with another seed', async () => {
  const views = viewsOf(shots, 4, 1);
  const position = fc.nat({ max: views.labels.length - 1 });
  const read = async (set: typeof views, positions: number[]) => (await set.read(positions)).data;
  await fc.assert(
    fc.asyncProperty(position, position, async (one, other) => {
      const together = await read(views, [other, one]);
      expect(await read(views, [one])).toEqual(together.slice(together.length / 2));
    }),
    { numRuns: 20 },
  );
  expect(await read(viewsOf(shots, 4, 2), [0])).not.toEqual(await read(views, [0]));
  expect(viewsOf(shots, 4, 2).hash).not.toBe(views.hash);
});
