import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sharedPrefixes } from './shared-prefixes.ts';

test('prompts of one template share the words before the name', () => {
  const prompts = [
    [1, 7, 8, 20, 2],
    [1, 9, 20, 2],
    [1, 7, 8, 21, 2],
    [1, 9, 21, 22, 2],
    [1, 5, 2],
  ];
  expect(sharedPrefixes(prompts, 2)).toEqual([
    { length: 1, prefixes: [[1]], rows: [4], prefixOf: [0] },
    { length: 2, prefixes: [[1, 9]], rows: [1, 3], prefixOf: [0, 0] },
    { length: 3, prefixes: [[1, 7, 8]], rows: [0, 2], prefixOf: [0, 0] },
  ]);
});

const sequences = fc.array(fc.array(fc.nat({ max: 2 }), { minLength: 1, maxLength: 6 }), { maxLength: 40 });

test('every sequence gets the longest proper prefix that enough sequences have', () => {
  fc.assert(
    fc.property(sequences, fc.integer({ min: 1, max: 8 }), (all, fewest) => {
      const found = sharedPrefixes(all, fewest);
      expect(found.flatMap(({ rows }) => rows).sort((a, b) => a - b)).toEqual([...all.keys()]);
      for (const { length, prefixes, rows, prefixOf } of found) {
        rows.forEach((row, i) => {
          const own = all[row]!;
          expect(prefixes[prefixOf[i]!]).toEqual(own.slice(0, length));
          // Sequences that have the same first `count` tokens, and at least one more.
          const having = (count: number) =>
            all.filter((other) => other.length > count && own.slice(0, count).every((x, at) => other[at] === x)).length;
          expect(own.length).toBeGreaterThan(length);
          if (length > 0) expect(having(length)).toBeGreaterThanOrEqual(fewest);
          if (own.length > length + 1) expect(having(length + 1)).toBeLessThan(fewest);
        });
      }
    }),
  );
});
