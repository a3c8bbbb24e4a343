import { expect, test } from 'vitest';
import { tinyCell, tinyOutcome } from '../../test/sweep/tiny-cell.ts';
import type { Cell, Outcome } from './cell.ts';
import { packBits, unpackBits } from './picture-bits.ts';
import type { Plan } from './plan.ts';
import { statisticsOf } from './statistics.ts';

/** Twenty pictures of four drawings and two classes; the target is the second class. */
const test20 = {
  classes: ['dog', 'banana'],
  labels: Array.from({ length: 20 }, (_, i) => (i < 15 ? 0 : 1)),
  sources: Array.from({ length: 20 }, (_, i) => Math.floor(i / 5)),
};

function cellOf(attack: string, defense: string, seed: number): Cell {
  const cell = tinyCell(defense, {}, { attack, seed });
  return { ...cell, ingredients: { test: 'a'.repeat(64) } };
}

/** Right on the first `right` pictures, hit on the first `hit`. */
function measured(cell: Cell, right: number, hit: number): [string, Outcome] {
  const outcome: Outcome = {
    ...tinyOutcome(cell.task),
    counts: {
      ca: { hits: right, of: 20 },
      asr: { hits: Math.min(hit, 15), of: 15 },
      asrAll: { hits: hit, of: 20 },
      ra: { hits: 0, of: 15 },
    },
    right: packBits(20, (i) => i < right),
    hit: packBits(20, (i) => i < hit),
  };
  return [cell.key, outcome];
}

function planOf(cells: readonly Cell[]): Plan {
  return { format: 1, cells: [...cells], tests: { ['a'.repeat(64)]: test20 }, triggers: [] };
}

test('packed bits are unpacked as they were', () => {
  const holds = unpackBits(packBits(21, (i) => i % 3 === 0));
  expect(Array.from({ length: 30 }, (_, i) => holds(i))).toEqual(
    Array.from({ length: 30 }, (_, i) => i < 21 && i % 3 === 0),
  );
});

test('a group is a mean over seeds with its t interval', () => {
  const cells = [1, 2, 3].map((seed) => cellOf('badnet', 'cbpt', seed));
  const outcomes = new Map(cells.map((cell, i) => measured(cell, 10 + i, 0)));
  const [group] = statisticsOf(planOf(cells), outcomes).groups;
  // 50, 55, 60: deviation 5; Student's quantile for two degrees of freedom is 4.3027.
  expect(group).toMatchObject({ attack: 'badnet', failed: 0, missing: 0, ca: { mean: 55, n: 3, deviation: 5 } });
  expect(group?.ca?.interval?.high).toBeCloseTo(55 + (4.30265 * 5) / Math.sqrt(3), 3);
  expect(group?.asr?.mean).toBe(0);
});

test('a cell that three seeds share is one measurement', () => {
  const cells = [1, 2, 3].map((seed) => ({ ...cellOf('badnet', 'none', seed), key: 'f'.repeat(64) }));
  const [group] = statisticsOf(planOf(cells), new Map([measured(cells[0]!, 10, 3)])).groups;
  expect(group).toMatchObject({ keys: ['f'.repeat(64)], missing: 0, ca: { mean: 50, n: 1, interval: null } });
  expect(statisticsOf(planOf(cells), new Map()).groups[0]).toMatchObject({ missing: 1 });
});

test('a mean over attacks leaves out incomplete attacks, and counts them', () => {
  const cells = ['badnet', 'wanet', 'sig'].map((attack) => cellOf(attack, 'cbpt', 1));
  const outcomes = new Map([measured(cells[0]!, 10, 3), measured(cells[1]!, 12, 9)]);
  outcomes.set(cells[2]!.key, { kind: 'failed', error: 'x', fault: 'internal' });
  const { overall, groups } = statisticsOf(planOf(cells), outcomes);
  expect(overall).toMatchObject([{ attacks: 2, ofAttacks: 3, ca: { mean: 55 }, asr: { mean: 40 } }]);
  expect(overall[0]?.floor).toBe(null);
  expect(overall[0]?.worst).toEqual({ attack: 'wanet', asr: 60 });
  expect(groups[2]).toMatchObject({ failed: 1, ca: null });
});

test('the floor over attacks is the mean of their floors', () => {
  const cells = ['badnet', 'wanet'].map((attack) => cellOf(attack, 'cbpt', 1));
  const outcomes = new Map(
    cells.map((cell, i) => {
      const [key, outcome] = measured(cell, 10, 3);
      return [key, { ...outcome, floor: { asr: { hits: i, of: 100 }, from: 'x' } } as Outcome];
    }),
  );
  expect(statisticsOf(planOf(cells), outcomes).overall).toMatchObject([{ floor: 0.5 }]);
});

test('the method is compared with another defense on the same pictures; ASR leaves out pictures of the target', () => {
  const cells = [cellOf('badnet', 'cbpt', 1), cellOf('badnet', 'none', 1), cellOf('badnet', 'coop', 1)];
  const outcomes = new Map([measured(cells[0]!, 10, 0), measured(cells[1]!, 15, 20)]);
  const { comparisons } = statisticsOf(planOf(cells), outcomes);
  expect(comparisons).toHaveLength(1);
  expect(comparisons[0]).toMatchObject({
    reference: 'cbpt',
    defense: 'none',
    pairs: 1,
    ca: { n: 20, sources: 4, onlyFirst: 0, onlySecond: 5, difference: -0.25 },
    asr: { n: 15, sources: 3, onlyFirst: 0, onlySecond: 15, difference: -1 },
  });
});
