import { expect, test } from 'vitest';
import { byLikeness, finalists, finals, heats, picturesOf, runsOf, teamsOf } from './teams.ts';

const pace = { steps: 100, patchBatch: 64 };

test('a hundred classes run in pairs, from two starts, and a tenth of the patches stays for the second round', () => {
  expect(teamsOf([...Array(100).keys()]).slice(0, 2)).toEqual([
    [0, 1],
    [2, 3],
  ]);
  expect(heats(100, pace)).toEqual([
    { runners: 100, steps: 20, together: 25, pictures: 2 },
    { runners: 20, steps: 20, together: 10, pictures: 6 },
  ]);
});

test('eight classes run in the finals, from two starts each; a quarter of the patches stays, and then one', () => {
  expect(finals(8, pace)).toEqual([
    { runners: 16, steps: 30, together: 16, pictures: 4 },
    { runners: 4, steps: 20, together: 4, pictures: 16 },
    { runners: 1, steps: 20, together: 1, pictures: 64 },
  ]);
});

test('eight classes need no heats, nine do', () => {
  expect(heats(8, pace)).toEqual([]);
  expect(heats(9, pace).map(({ runners }) => runners)).toEqual([18, 4]);
});

test('the finals of one class take as many pictures as those of eight', () => {
  expect(picturesOf(finals(1, pace))).toBe(picturesOf(finals(8, pace)));
});

test.each([1, 2, 3, 8, 9, 33, 65, 129, 1000, 1180, 20_000])(
  'all of %i classes run, in at most 64 teams of one size',
  (count) => {
    const teams = teamsOf([...Array(count).keys()]);
    expect(teams.length).toBeLessThanOrEqual(64);
    expect(new Set(teams.map(({ length }) => length)).size).toBe(1);
    expect(new Set(teams.flat()).size).toBe(count);
  },
);

test.each([1, 2, 8, 9, 33, 1000])(
  'with %i classes, steps fit the batch, patches see at least four pictures, two in the first heat, and one patch is left',
  (count) => {
    for (const batch of [1, 4, 8, 17, 64, 100]) {
      const inHeats = heats(count, { steps: 100, patchBatch: batch });
      const rounds = [...inHeats, ...finals(Math.min(count, finalists), { steps: 100, patchBatch: batch })];
      expect(rounds.at(-1)).toMatchObject({ runners: 1, together: 1, pictures: batch });
      for (const round of rounds) {
        expect(round.together * round.pictures).toBeLessThanOrEqual(batch);
        expect(round.pictures).toBeGreaterThanOrEqual(Math.min(round === inHeats[0] ? 2 : 4, batch));
        expect(runsOf(round) * round.together).toBeGreaterThanOrEqual(round.runners * round.steps);
      }
    }
  },
);

test('where memory allows eight pictures, finalists take turns, two in a step', () => {
  expect(finals(8, { steps: 100, patchBatch: 8 })).toEqual([
    { runners: 16, steps: 30, together: 2, pictures: 4 },
    { runners: 4, steps: 20, together: 2, pictures: 4 },
    { runners: 1, steps: 20, together: 1, pictures: 8 },
  ]);
});

test('neighbours in the order of likeness are those whose texts are nearest', () => {
  const angles = [0, 3, 0.1, 2.9, 0.2];
  const embeddings = Float32Array.from(angles.flatMap((angle) => [Math.cos(angle), Math.sin(angle)]));
  const head = { classes: angles.map(String), embeddings, embedding: 2, scale: 1 };
  expect(byLikeness(head)).toEqual([0, 2, 4, 3, 1]);
});
