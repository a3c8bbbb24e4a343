import { expect, test } from 'vitest';
import { at, check, fill, type Reference, spread, total } from './check.test-support.ts';
import { crossEntropy, l2Normalize, logSoftmax, logSumExp } from './composites.ts';
import { mul } from './elementwise.ts';
import { input } from './leaves.ts';
import * as r from './reduction.ts';

/** Rows along the last axis. */
function rows({ shape, data }: Reference): number[][] {
  const width = shape.at(-1)!;
  return Array.from({ length: data.length / width }, (_, i) => data.slice(i * width, (i + 1) * width));
}

const byRow = (x: Reference, row: (numbers: number[]) => number[], shape = x.shape): Reference => ({
  shape,
  data: rows(x).flatMap(row),
});

const exponentials = (numbers: readonly number[]) => numbers.reduce((all, number) => all + Math.exp(number), 0);

test('sum adds over the given axes, and keeps them on request', async () => {
  await check({
    inputs: [spread([2, 3, 4], 1)],
    build: (x) => r.sum(x, [0, -1]),
    reference: (x) => fill([3], ([j]) => total(2, (i) => total(4, (k) => at(x, [i, j!, k])))),
  });
  await check({
    inputs: [spread([2, 3, 4], 1)],
    build: (x) => r.sum(x, [1], true),
    reference: (x) => fill([2, 1, 4], ([i, , k]) => total(3, (j) => at(x, [i!, j, k!]))),
  });
});

test('without axes, all elements are reduced', async () => {
  const numbers = spread([2, 3], 1);
  await check({
    inputs: [numbers],
    build: (x) => r.sum(mul(x, x)),
    reference: (x) => fill([], () => total(6, (i) => x.data[i]! ** 2)),
  });
  await check({
    inputs: [numbers],
    build: (x) => r.mean(x),
    reference: (x) => fill([], () => total(6, (i) => x.data[i]!) / 6),
  });
  await check({ inputs: [numbers], build: (x) => r.max(x), reference: (x) => fill([], () => Math.max(...x.data)) });
});

test('mean divides by the number of reduced elements', async () => {
  await check({
    inputs: [spread([2, 3, 4], 1)],
    build: (x) => r.mean(x, [0, 2], true),
    reference: (x) => fill([1, 3, 1], ([, j]) => total(2, (i) => total(4, (k) => at(x, [i, j!, k]))) / 8),
  });
});

test('max picks the largest and sends the gradient there', async () => {
  await check({
    inputs: [spread([3, 5], 1)],
    build: (x) => r.max(x, [1]),
    reference: (x) => byRow(x, (row) => [Math.max(...row)], [3]),
  });
});

test('softmax, its logarithm and log-sum-exp work along the last axis', async () => {
  const inputs = [spread([2, 3, 4], 1)];
  await check({
    inputs,
    build: r.softmax,
    reference: (x) => byRow(x, (row) => row.map((number) => Math.exp(number) / exponentials(row))),
  });
  await check({
    inputs,
    build: logSoftmax,
    reference: (x) => byRow(x, (row) => row.map((number) => number - Math.log(exponentials(row)))),
  });
  await check({
    inputs,
    build: logSumExp,
    reference: (x) => byRow(x, (row) => [Math.log(exponentials(row))], [2, 3, 1]),
  });
});

test('log-softmax of logits about a hundred neither overflows nor loses the difference', async () => {
  await check({
    inputs: [spread([1, 8], 1, 100, 108)],
    build: logSoftmax,
    reference: (x) =>
      byRow(x, (row) => row.map((number) => number - 108 - Math.log(exponentials(row.map((n) => n - 108))))),
  });
});

test('l2Normalize makes unit rows', async () => {
  await check({
    inputs: [spread([3, 4], 1)],
    build: l2Normalize,
    reference: (x) => byRow(x, (row) => row.map((number) => number / Math.hypot(...row))),
  });
});

test('crossEntropy takes soft targets', async () => {
  await check({
    inputs: [spread([3, 4], 1), spread([3, 4], 2, 0.1, 0.4)],
    build: crossEntropy,
    reference: (logits, targets) =>
      fill([], () => {
        const losses = rows(logits).map((row, i) =>
          total(4, (j) => at(targets!, [i, j]) * (Math.log(exponentials(row)) - row[j]!)),
        );
        return total(3, (i) => losses[i]!) / 3;
      }),
  });
});

test('axes that do not exist are refused by name', () => {
  const x = input('x', [2, 3]);
  expect(() => r.sum(x, [2])).toThrow(/sum: found float32 \[2, 3\], expected axes 2/);
  expect(() => r.max(x, [-3])).toThrow(/max: .*axes -1/);
  expect(() => r.softmax(input('i', [2], 'int64'))).toThrow(/softmax: found int64 \[2\]/);
});
