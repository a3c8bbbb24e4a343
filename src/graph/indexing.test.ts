import { expect, test } from 'vitest';
import { int64 } from '../tensor/tensor.ts';
import { at, check, fill, spread, total } from './check-for-tests.ts';
import { gatherRows, oneHot, pickElement, pickPosition, scatterAddRows } from './indexing.ts';
import { input } from './leaves.ts';

test('gatherRows looks rows up, and rows used twice collect both gradients', async () => {
  await check({
    inputs: [spread([5, 3], 1), int64([4, 0, 4, 2], [2, 2])],
    build: gatherRows,
    reference: (table, indices) => fill([2, 2, 3], ([i, j, k]) => at(table, [at(indices!, [i!, j!]), k!])),
  });
});

test('scatterAddRows adds rows of one index together', async () => {
  const chosen = [1, 3, 1, 0];
  await check({
    inputs: [spread([2, 2, 3], 1), int64(chosen, [2, 2])],
    build: (updates, indices) => scatterAddRows(updates, indices, 5),
    reference: (updates) =>
      fill([5, 3], ([row, k]) => total(4, (n) => (chosen[n] === row ? updates.data[n * 3 + k!]! : 0))),
  });
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

test('pickElement takes one element of each row', async () => {
  await check({
    inputs: [spread([3, 4], 1), int64([3, 1, 0], [3])],
    build: pickElement,
    reference: (x, indices) => fill([3], ([i]) => at(x, [i!, indices!.data[i!]!])),
  });
});

test('shapes and types that do not fit are refused by name', () => {
  const indices = input('i', [2], 'int64');
  expect(() => gatherRows(input('t', [2, 2, 2]), indices)).toThrow(/gatherRows: .*two axes/);
  expect(() => gatherRows(input('t', [2, 2]), input('f', [2]))).toThrow(/gatherRows: .*expected float32 and int64/);
  expect(() => scatterAddRows(input('u', [3, 2]), indices, 4)).toThrow(/scatterAddRows: .*one index for each row/);
});
