import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type LengthGroup, lengthGroups } from './length-groups.ts';

const tokens = (groups: readonly LengthGroup[]) =>
  groups.reduce((all, { rows, length }) => all + rows.length * length, 0);

/** Tries every way to cut the sorted lengths. */
function fewestTokens(sorted: readonly number[], most: number): number {
  if (sorted.length === 0) return 0;
  const whole = sorted.length * sorted.at(-1)!;
  if (most === 1) return whole;
  const cuts = Array.from({ length: sorted.length - 1 }, (_, i) => i + 1);
  const cut = (at: number) => fewestTokens(sorted.slice(0, at), most - 1) + (sorted.length - at) * sorted.at(-1)!;
  return Math.min(whole, ...cuts.map(cut));
}

test('every row is in one group that is as long as its longest row', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 3, max: 30 }), { maxLength: 60 }),
      fc.integer({ min: 1, max: 5 }),
      (lengths, most) => {
        const groups = lengthGroups(lengths, most);
        expect(groups.length).toBeLessThanOrEqual(most);
        expect(groups.flatMap(({ rows }) => rows).sort((a, b) => a - b)).toEqual([...lengths.keys()]);
        for (const { rows, length } of groups) expect(Math.max(...rows.map((row) => lengths[row]!))).toBe(length);
      },
    ),
  );
});

test('no other grouping holds fewer tokens', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 3, max: 12 }), { minLength: 1, maxLength: 9 }),
      fc.integer({ min: 1, max: 4 }),
      (lengths, most) => {
        const sorted = [...lengths].sort((a, b) => a - b);
        expect(tokens(lengthGroups(lengths, most))).toBe(fewestTokens(sorted, most));
      },
    ),
  );
});
