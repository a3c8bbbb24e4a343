import fc from 'fast-check';
import { expect, test } from 'vitest';
import { int64 } from '../tensor/tensor.ts';
import { at, check, fill, type Reference, spread, total } from './check.test-support.ts';
import { gelu } from './composites.ts';
import * as e from './elementwise.ts';
import { gradients } from './gradients.ts';
import { input } from './leaves.ts';
import { sum } from './reduction.ts';
import { broadcastShape } from './rule.ts';
import { runForTests } from './run.test-support.ts';
import type { Value } from './value.ts';

/** Taylor series; its terms stay below 1e4 for |x| <= 3. */
const erf = (x: number): number => {
  let term = x;
  return (
    (2 / Math.sqrt(Math.PI)) *
    total(60, (n) => {
      const part = term / (2 * n + 1);
      term *= -(x * x) / (n + 1);
      return part;
    })
  );
};
const logistic = (x: number) => 1 / (1 + Math.exp(-x));

const unary: [name: string, ours: (x: Value) => Value, reference: (x: number) => number, low?: number][] = [
  ['neg', e.neg, (x) => -x],
  ['exp', e.exp, Math.exp],
  ['log', e.log, Math.log, 0.5],
  ['sqrt', e.sqrt, Math.sqrt, 0.5],
  ['reciprocal', e.reciprocal, (x) => 1 / x, 0.5],
  ['sigmoid', e.sigmoid, logistic],
  ['erf', e.erf, erf],
  ['relu', e.relu, (x) => Math.max(x, 0)],
  ['isPositive', e.isPositive, (x) => (x > 0 ? 1 : 0)],
  ['abs', e.abs, Math.abs],
  ['sign', e.sign, Math.sign],
  ['clip', (x) => e.clip(x, -0.55, 1.03), (x) => Math.min(Math.max(x, -0.55), 1.03)],
  ['square', e.square, (x) => x * x],
  ['silu', e.silu, (x) => x * logistic(x)],
  ['gelu', gelu, (x) => 0.5 * x * (1 + erf(x / Math.SQRT2))],
  ['add a number', (x) => e.add(x, 2), (x) => x + 2],
  ['divide a number', (x) => e.div(2, x), (x) => 2 / x, 0.5],
];

test.each(unary)('%s and its gradient are right', async (_, ours, reference, low) => {
  await check({
    inputs: [spread([4, 5], 3, low)],
    build: ours,
    reference: (x) => fill(x.shape, (i) => reference(at(x, i))),
  });
});

const binary: [name: string, ours: (a: Value, b: Value) => Value, reference: (a: number, b: number) => number][] = [
  ['add', e.add, (a, b) => a + b],
  ['sub', e.sub, (a, b) => a - b],
  ['mul', e.mul, (a, b) => a * b],
  ['div', (a, b) => e.div(a, e.add(b, 4)), (a, b) => a / (b + 4)],
  ['maximum', e.maximum, Math.max],
];

const joined = (...all: Reference[]) =>
  all.reduce<readonly number[]>((shape, x) => broadcastShape(shape, x.shape)!, []);

test.each(binary)('%s and its gradients are right for all shapes that broadcast', async (_, ours, reference) => {
  const full = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 4 });
  const shapes = full.chain((shape) => {
    const broadcast = fc
      .tuple(fc.integer({ min: 0, max: shape.length }), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }))
      .map(([drop, ones]) => shape.map((size, axis) => (ones[axis] ? 1 : size)).slice(drop));
    return fc.tuple(broadcast, broadcast);
  });
  const holds = fc.asyncProperty(shapes, async ([a, b]) => {
    // Odd numbers of steps apart, so that no two of them meet.
    await check({
      inputs: [spread(a, 1), spread(b, 2, -1.95, 2.13)],
      build: ours,
      reference: (a, b) => fill(joined(a, b), (i) => reference(at(a, i), at(b, i))),
    });
  });
  // Scalars over a last axis of one entry are written in a way of their own.
  const examples: [[number[], number[]]][] = [[[[3, 2, 1], []]], [[[1], [2, 1, 1]]]];
  await fc.assert(holds, { seed: 7, numRuns: 12, examples });
});

test('where takes each element from the side of its condition, and the gradient goes to that side', async () => {
  await check({
    inputs: [spread([3, 4], 1), spread([4], 2), spread([3, 1], 3)],
    build: (condition, a, b) => e.where(e.greater(condition, 0), a, b),
    reference: (condition, a, b) => fill([3, 4], (i) => (at(condition, i) > 0 ? at(a, i) : at(b, i))),
  });
});

test('equal and greater compare floats and integers', async () => {
  const integers = [int64([1, 2, 3], [3]), int64([3, 2, 1], [3])];
  await check({
    inputs: integers,
    build: (a, b) => e.cast(e.equal(a, b), 'float32'),
    reference: (a, b) => fill([3], (i) => Number(at(a, i) === at(b, i))),
  });
  await check({
    inputs: integers,
    build: (a, b) => e.cast(e.greater(a, b), 'float32'),
    reference: (a, b) => fill([3], (i) => Number(at(a, i) > at(b, i))),
  });
});

test('round goes to the nearest integer, ties to even', async () => {
  const x = { dtype: 'float32', shape: [5], data: Float32Array.of(0.5, 1.5, -0.5, 2.4, -2.6) } as const;
  const { y } = await runForTests({ outputs: { y: e.round(input('x', [5])) } }, { x });
  expect([...y!.data]).toEqual([0, 2, -0, 2, -3]);
});

test('shapes that do not broadcast are refused by name', () => {
  expect(() => e.add(input('a', [2, 3]), input('b', [2]))).toThrow(
    /add: found float32 \[2, 3\] and float32 \[2\].*broadcast/,
  );
  expect(() => e.mul(input('a', [2]), input('b', [2], 'int64'))).toThrow(/mul: found float32 \[2\] and int64 \[2\]/);
  expect(() => e.equal(input('a', [2]), input('b', [2], 'int64'))).toThrow(/equal: .*equal types/);
  expect(() => e.where(input('a', [2]), 1, 2)).toThrow(/where: .*bool/);
});

test('the gradient of clip passes on its bounds, so that a saturated pixel can leave them', async () => {
  const x = { dtype: 'float32', shape: [4], data: Float32Array.of(-0.1, 0, 1, 1.1) } as const;
  const value = input('x', [4]);
  const [dx] = gradients(sum(e.clip(value, 0, 1)), [value]);
  expect([...(await runForTests({ outputs: { dx: dx! } }, { x })).dx!.data]).toEqual([0, 1, 1, 0]);
});
