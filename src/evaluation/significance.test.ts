import { expect, test } from 'vitest';
import { binomialTail, meanOverError } from './significance.ts';

test('the tail of a binomial distribution is the sum of its terms', () => {
  expect(binomialTail(0, 10, 0.3)).toBeCloseTo(1, 12);
  expect(binomialTail(10, 10, 0.5)).toBeCloseTo(2 ** -10, 15);
  expect(binomialTail(2, 3, 0.25)).toBeCloseTo(3 * 0.25 ** 2 * 0.75 + 0.25 ** 3, 12);
});

test('a mean is measured in its standard errors', () => {
  expect(meanOverError([1, 3])).toBeCloseTo(2);
  expect(meanOverError([-2, -1, -3])).toBeLessThan(-3);
  expect(meanOverError([0, 0, 0])).toBe(0);
  expect(meanOverError([5])).toBe(0);
});
