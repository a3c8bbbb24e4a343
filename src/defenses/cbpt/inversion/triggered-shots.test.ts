import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PictureSet } from '../../../clip/pictures/pictures.ts';
import { randomFor } from '../../../tensor/random.ts';
import { shotsToTrigger } from './triggered-shots.ts';

/** Shots of one pixel, whose value is the position. */
function shotsOf(labels: readonly number[]): PictureSet {
  return {
    name: 'test',
    classes: Array.from({ length: Math.max(...labels) + 1 }, (_, label) => `${label}`),
    labels: Int32Array.from(labels),
    size: 1,
    hash: 'test',
    read: async (positions) => ({
      dtype: 'uint8',
      shape: [positions.length, 3, 1, 1],
      data: Uint8Array.from(positions.flatMap((position) => [position, position, position])),
    }),
  };
}

test('where there are few shots, all of them get the trigger', () => {
  const shots = shotsOf([0, 0, 1]);
  expect(shotsToTrigger(shots, randomFor(1), 3)).toEqual({ positions: [0, 1, 2], chosen: shots });
});

test('of many shots every class gives as many as the others, or all it has', async () => {
  const labelled = fc.array(fc.nat({ max: 5 }), { minLength: 2, maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(labelled, fc.integer({ min: 1, max: 199 }), fc.nat(), async (labels, asked, seed) => {
      const most = Math.min(asked, labels.length - 1);
      const shots = shotsOf(labels);
      const { positions, chosen } = shotsToTrigger(shots, randomFor(seed), most);
      expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
      expect(positions).toHaveLength(most);
      expect([...chosen.labels]).toEqual(positions.map((position) => labels[position]));
      const { data } = await chosen.read([...positions.keys()]);
      expect(Array.from(data).filter((_, i) => i % 3 === 0)).toEqual(positions);

      const had = (label: number) => labels.filter((one) => one === label).length;
      const gave = (label: number) => positions.filter((position) => labels[position] === label).length;
      const classes = [...new Set(labels)];
      const largest = Math.max(...classes.map(gave));
      for (const label of classes) expect(gave(label)).toBeGreaterThanOrEqual(Math.min(had(label), largest - 1));
    }),
  );
});
