/** @file Student's t against published tables and closed forms. */
import { expect, test } from 'vitest';
import { seedMean, studentQuantile } from './student.ts';

test('quantiles agree with the published table', () => {
  // NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2: upper critical values.
  const published = [
    [0.9, 1, 3.078],
    [0.95, 1, 6.314],
    [0.975, 1, 12.706],
    [0.975, 2, 4.303],
    [0.99, 2, 6.965],
    [0.975, 3, 3.182],
    [0.975, 4, 2.776],
    [0.995, 5, 4.032],
    [0.975, 9, 2.262],
    [0.975, 10, 2.228],
    [0.999, 10, 4.144],
    [0.95, 20, 1.725],
    [0.975, 30, 2.042],
    [0.975, 60, 2.0],
    [0.975, 100, 1.984],
  ] as const;
  for (const [p, freedom, expected] of published) expect(studentQuantile(p, freedom)).toBeCloseTo(expected, 3);
});

test('quantiles agree with the closed forms of one, two and four degrees of freedom', () => {
  for (const p of [0.55, 0.75, 0.9, 0.975, 0.999, 0.99999]) {
    const alpha = 4 * p * (1 - p);
    const q = Math.cos(Math.acos(Math.sqrt(alpha)) / 3) / Math.sqrt(alpha);
    const closed = [
      [1, Math.tan(Math.PI * (p - 0.5))],
      [2, (2 * p - 1) * Math.sqrt(2 / alpha)],
      [4, Math.sign(p - 0.5) * 2 * Math.sqrt(q - 1)],
    ] as const;
    for (const [freedom, expected] of closed) {
      expect(studentQuantile(p, freedom) / expected, `${p}, ${freedom}`).toBeCloseTo(1, 9);
    }
  }
});

test('with many degrees of freedom the quantile is the normal one, and it mirrors about one half', () => {
  expect(studentQuantile(0.975, 1e7)).toBeCloseTo(1.959963984540054, 6);
  expect(studentQuantile(0.025, 7)).toBe(-studentQuantile(0.975, 7));
  expect(studentQuantile(0.5, 3)).toBeCloseTo(0, 12);
});

test('the mean of three seeds has the interval worked out by hand', () => {
  const { mean, n, deviation, interval } = seedMean([58, 60, 59]);
  expect({ mean, n, deviation }).toEqual({ mean: 59, n: 3, deviation: 1 });
  expect(interval!.high - mean).toBeCloseTo(4.302652729911275 / Math.sqrt(3), 9);
  expect(mean - interval!.low).toBeCloseTo(interval!.high - mean, 12);
});

test('one seed has no interval, and that of equal seeds has no width', () => {
  expect(seedMean([0.39])).toEqual({ mean: 0.39, n: 1, deviation: null, interval: null });
  expect(seedMean([2, 2, 2]).interval).toEqual({ low: 2, high: 2 });
  expect(() => seedMean([])).toThrow(RangeError);
});
