import { expect, test } from 'vitest';
import { at, check, fill, type Reference, spread, total } from './check.test-support.ts';
import { input } from './leaves.ts';
import { batchNorm, batchNormTraining, layerNorm } from './normalization.ts';

test('layerNorm gives each row mean 0 and variance 1, then scales and shifts', async () => {
  await check({
    inputs: [spread([2, 3, 5], 1), spread([5], 2, 0.5, 2), spread([5], 3)],
    build: (x, scale, shift) => layerNorm(x, scale, shift, 1e-3),
    reference: (x, scale, shift) =>
      fill(x.shape, ([i, j, k]) => {
        const mean = total(5, (c) => at(x, [i!, j!, c])) / 5;
        const variance = total(5, (c) => (at(x, [i!, j!, c]) - mean) ** 2) / 5;
        return ((at(x, [i!, j!, k!]) - mean) / Math.sqrt(variance + 1e-3)) * at(scale!, [k!]) + at(shift!, [k!]);
      }),
  });
});

test('batchNorm uses the statistics it is given', async () => {
  await check({
    inputs: [spread([2, 3, 2, 2], 1), spread([3], 2, 0.5, 2), spread([3], 3), spread([3], 4), spread([3], 5, 0.5, 2)],
    build: (x, scale, shift, mean, variance) => batchNorm(x, scale, shift, mean, variance, 1e-3),
    reference: (x, scale, shift, mean, variance) =>
      fill(x.shape, ([n, c, i, j]) => {
        const normal = (at(x, [n!, c!, i!, j!]) - at(mean!, [c!])) / Math.sqrt(at(variance!, [c!]) + 1e-3);
        return normal * at(scale!, [c!]) + at(shift!, [c!]);
      }),
  });
});

const channelMean = (x: Reference, c: number, of: (number: number) => number): number =>
  total(12, (n) => of(at(x, [n >> 2, c, (n >> 1) & 1, n & 1]))) / 12;

test('batchNormTraining uses the statistics of the batch and hands them out', async () => {
  const inputs = [spread([3, 2, 2, 2], 1), spread([2], 2, 0.5, 2), spread([2], 3)];
  await check({
    inputs,
    build: (x, scale, shift) => batchNormTraining(x, scale, shift, 1e-3).y,
    reference: (x, scale, shift) =>
      fill(x.shape, ([n, c, i, j]) => {
        const mean = channelMean(x, c!, (number) => number);
        const variance = channelMean(x, c!, (number) => (number - mean) ** 2);
        return ((at(x, [n!, c!, i!, j!]) - mean) / Math.sqrt(variance + 1e-3)) * at(scale!, [c!]) + at(shift!, [c!]);
      }),
  });
});

test('parameters of the wrong length are refused by name', () => {
  const [x, right, wrong] = [input('x', [2, 3, 4, 4]), input('a', [3]), input('b', [4])];
  expect(() => layerNorm(x, right, right)).toThrow(/layerNorm: .*scale and shift of shape \[4\]/);
  expect(() => batchNorm(x, right, right, wrong, right)).toThrow(/batchNorm: .*parameters of shape \[3\]/);
});
