/** @file Wilson's interval against values worked out elsewhere. */
import { expect, test } from 'vitest';
import { wilson } from './interval.ts';

test('agrees with published intervals', () => {
  // Newcombe 1998, Statistics in Medicine 17:857, table I, method 3.
  const published = [
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ] as const;
  for (const [hits, n, low, high] of published) {
    const interval = wilson(hits, n);
    expect(interval.low).toBeCloseTo(low, 4);
    expect(interval.high).toBeCloseTo(high, 4);
  }
});

test('holds the share, stays in [0, 1] and mirrors when hits and misses change places', () => {
  for (let n = 1; n <= 60; n++) {
    for (let hits = 0; hits <= n; hits++) {
      const { low, high } = wilson(hits, n);
      const mirrored = wilson(n - hits, n);
      expect(low).toBeGreaterThanOrEqual(0);
      expect(low).toBeLessThanOrEqual(hits / n);
      expect(high).toBeGreaterThanOrEqual(hits / n);
      expect(high).toBeLessThanOrEqual(1);
      expect(mirrored.low).toBeCloseTo(1 - high, 12);
    }
  }
});

test('the bounds are the roots of the score equation', () => {
  const z = 1.6448536269514722;
  const { low, high } = wilson(7, 40, z);
  for (const bound of [low, high]) {
    expect(Math.abs(7 / 40 - bound) / Math.sqrt((bound * (1 - bound)) / 40)).toBeCloseTo(z, 10);
  }
});

test('without observations the interval is [0, 1]', () => {
  expect(wilson(0, 0)).toEqual({ low: 0, high: 1 });
});
