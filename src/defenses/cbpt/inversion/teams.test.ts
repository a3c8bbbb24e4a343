import { expect, test } from 'vitest';
import { byLikeness, raceRounds, runsOf } from './teams.ts';

const pace = { steps: 100, batch: 64 };

test('a hundred classes run in teams of four, those that are left for themselves, then finalists, then the winner', () => {
  expect(raceRounds(100, pace)).toEqual([
    { teams: 25, members: 4, steps: 50, together: 13, pictures: 4 },
    { teams: 28, members: 1, steps: 30, together: 14, pictures: 4 },
    { teams: 7, members: 1, steps: 50, together: 7, pictures: 9 },
    { teams: 1, members: 1, steps: 20, together: 1, pictures: 64 },
  ]);
});

test('a class that runs alone from the start has the steps of a finalist and of a winner', () => {
  expect(raceRounds(1, pace)).toEqual([{ teams: 1, members: 1, steps: 70, together: 1, pictures: 64 }]);
});

test('a thousand classes run in as many teams, which are split twice', () => {
  const rounds = raceRounds(1000, pace);
  expect(rounds.map(({ teams, members }) => [teams, members])).toEqual([
    [32, 32],
    [32, 8],
    [32, 2],
    [16, 1],
    [4, 1],
    [1, 1],
  ]);
});

test.each([1, 2, 3, 8, 9, 33, 65, 129, 1000, 1180, 20_000])(
  'a race of %i classes ends with one, steps fit the batch, teams see at least four pictures of it, and every class runs in the first round',
  (count) => {
    for (const batch of [1, 4, 8, 17, 64, 100]) {
      const rounds = raceRounds(count, { steps: 100, batch });
      expect(rounds.at(-1)).toMatchObject({ teams: 1, members: 1, together: 1, pictures: batch });
      expect(rounds[0]!.teams * rounds[0]!.members).toBeGreaterThanOrEqual(count);
      for (const round of rounds) {
        expect(round.teams).toBeLessThanOrEqual(32);
        expect(round.together * round.pictures).toBeLessThanOrEqual(batch);
        expect(round.pictures).toBeGreaterThanOrEqual(Math.min(4, batch));
        expect(runsOf(round) * round.together).toBeGreaterThanOrEqual(round.teams * round.steps);
      }
    }
  },
);

test('where memory allows eight pictures, finalists take turns as all teams do, two in a step', () => {
  expect(raceRounds(100, { steps: 100, batch: 8 }).slice(-2)).toEqual([
    { teams: 7, members: 1, steps: 50, together: 2, pictures: 4 },
    { teams: 1, members: 1, steps: 20, together: 1, pictures: 8 },
  ]);
});

test('neighbours in the order of likeness are those whose texts are nearest', () => {
  const angles = [0, 3, 0.1, 2.9, 0.2];
  const embeddings = Float32Array.from(angles.flatMap((angle) => [Math.cos(angle), Math.sin(angle)]));
  const head = { classes: angles.map(String), embeddings, embedding: 2, scale: 1 };
  expect(byLikeness(head)).toEqual([0, 2, 4, 3, 1]);
});
