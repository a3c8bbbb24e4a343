import { expect, test } from 'vitest';
import { float32, int64 } from '../tensor/tensor.ts';
import { at, check, fill, spread } from './check.test-support.ts';
import { mul } from './elementwise.ts';
import { gradients } from './gradients.ts';
import { gatherRows, oneHot, pickPosition } from './indexing.ts';
import { input } from './leaves.ts';
import { sum } from './reduction.ts';
import { runForTests } from './run.test-support.ts';

test('gatherRows looks rows up, and rows used twice collect both gradients', async () => {
  await check({
    inputs: [spread([5, 3], 1), int64([4, 0, 4, 2], [2, 2])],
    build: gatherRows,
    reference: (table, indices) => fill([2, 2, 3], ([i, j, k]) => at(table, [at(indices!, [i!, j!]), k!])),
  });
});

test('a row that is looked up thousands of times collects every gradient, with two threads at work', async () => {
  const [count, width] = [4096, 256];
  const table = input('table', [3, width]);
  const rows = gatherRows(table, input('indices', [count], 'int64'));
  const [slope] = gradients(sum(mul(rows, input('updates', [count, width]))), [table]);
  const feeds = {
    indices: int64(new Int32Array(count), [count]),
    updates: float32(new Float32Array(count * width).fill(1), [count, width]),
  };
  const found = await runForTests({ outputs: { slope: slope! } }, feeds, 2);
  expect([...found.slope!.data]).toEqual([...Array(width).fill(4096), ...Array(2 * width).fill(0)]);
});

test('oneHot marks one position of a new last axis', async () => {
  await check({
    inputs: [int64([2, 0], [2])],
    build: (indices) => oneHot(indices, 3),
    reference: (indices) => fill([2, 3], ([i, j]) => Number(indices.data[i!] === j)),
  });
});

test('pickPosition takes one position of each sequence', async () => {
  await check({
    inputs: [spread([2, 4, 3], 1), int64([3, 1], [2])],
    build: pickPosition,
    reference: (x, positions) => fill([2, 3], ([i, k]) => at(x, [i!, positions!.data[i!]!, k!])),
  });
});

test('shapes and types that do not fit are refused by name', () => {
  const indices = input('i', [2], 'int64');
  expect(() => gatherRows(input('t', [2, 2, 2]), indices)).toThrow(/gatherRows: .*two axes/);
  expect(() => gatherRows(input('t', [2, 2]), input('f', [2]))).toThrow(/gatherRows: .*expected float32 and int64/);
});
