import { expect, test } from 'vitest';
import { at, check, fill, type Index, spread } from './check.test-support.ts';
import * as l from './layout.ts';
import { input } from './leaves.ts';

test('reshape keeps the order of elements, and -1 takes what is left', async () => {
  await check({
    inputs: [spread([2, 3, 4], 1)],
    build: (x) => l.reshape(x, [4, -1]),
    reference: (x) => ({ shape: [4, 6], data: x.data }),
  });
});

test('transpose moves axis permutation[i] to i', async () => {
  await check({
    inputs: [spread([2, 3, 4], 1)],
    build: (x) => l.transpose(x, [2, 0, 1]),
    reference: (x) => fill([4, 2, 3], ([k, i, j]) => at(x, [i!, j!, k!])),
  });
});

test('transposeLast exchanges the last two axes', async () => {
  await check({
    inputs: [spread([2, 3, 4], 1)],
    build: l.transposeLast,
    reference: (x) => fill([2, 4, 3], ([i, k, j]) => at(x, [i!, j!, k!])),
  });
});

test('broadcastTo repeats axes of size 1 and adds axes in front', async () => {
  await check({
    inputs: [spread([3, 1], 1)],
    build: (x) => l.broadcastTo(x, [2, 3, 4]),
    reference: (x) => fill([2, 3, 4], (index) => at(x, index)),
  });
});

test('concat puts values of different lengths one after another', async () => {
  await check({
    inputs: [spread([2, 1, 2], 1), spread([2, 3, 2], 2), spread([2, 2, 2], 3)],
    build: (...parts) => l.concat(parts, -2),
    reference: (a, b, c) =>
      fill([2, 6, 2], ([i, j, k]) =>
        j! < 1 ? at(a!, [i!, j!, k!]) : j! < 4 ? at(b!, [i!, j! - 1, k!]) : at(c!, [i!, j! - 4, k!]),
      ),
  });
});

test('slice takes positions start to end of one axis', async () => {
  await check({
    inputs: [spread([3, 5, 2], 1)],
    build: (x) => l.slice(x, 1, 1, 4),
    reference: (x) => fill([3, 3, 2], ([i, j, k]) => at(x, [i!, j! + 1, k!])),
  });
});

test('pad puts zeros around', async () => {
  const inside = ([i, j]: Index) => i! >= 1 && i! < 3 && j! < 3;
  await check({
    inputs: [spread([2, 3], 1)],
    build: (x) => l.pad(x, [1, 0], [0, 2]),
    reference: (x) => fill([3, 5], (index) => (inside(index) ? at(x, [index[0]! - 1, index[1]!]) : 0)),
  });
});

test('flip reverses the named axes', async () => {
  await check({
    inputs: [spread([2, 3, 4], 1)],
    build: (x) => l.flip(x, [0, 2]),
    reference: (x) => fill([2, 3, 4], ([i, j, k]) => at(x, [1 - i!, j!, 3 - k!])),
  });
});

test('what changes nothing adds no operation', () => {
  const x = input('x', [2, 3]);
  expect(l.reshape(x, [2, 3])).toBe(x);
  expect(l.transpose(x, [0, 1])).toBe(x);
  expect(l.broadcastTo(x, [2, 3])).toBe(x);
  expect(l.slice(x, 1, 0, 3)).toBe(x);
  expect(l.pad(x, [0, 0], [0, 0])).toBe(x);
  expect(l.concat([x], 0)).toBe(x);
  expect(l.flip(input('y', [2, 1]), [1]).operation.kind).toBe('input');
});

test('shapes that do not fit are refused by name', () => {
  const x = input('x', [2, 3]);
  expect(() => l.reshape(x, [4, 2])).toThrow(/reshape: found float32 \[2, 3\].*\[4, 2\]/);
  expect(() => l.reshape(x, [4, -1])).toThrow(/reshape/);
  expect(() => l.transpose(x, [0, 0])).toThrow(/transpose: .*permutation/);
  expect(() => l.broadcastTo(x, [3, 3])).toThrow(/broadcastTo: .*\[3, 3\]/);
  expect(() => l.concat([x, input('y', [3, 3])], 1)).toThrow(/concat: found float32 \[2, 3\] and float32 \[3, 3\]/);
  expect(() => l.concat([], 0)).toThrow(/concat: .*at least one/);
  expect(() => l.slice(x, 1, 2, 5)).toThrow(/slice: .*positions 2 to 5/);
  expect(() => l.slice(x, 2, 0, 1)).toThrow(/slice: .*axis 2/);
  expect(() => l.pad(x, [1], [1])).toThrow(/pad: .*each axis/);
  expect(() => l.flip(x, [2])).toThrow(/flip: .*axes 2/);
});
