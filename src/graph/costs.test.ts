import { expect, test } from 'vitest';
import { float32 } from '../tensor/tensor.ts';
import { conv2d } from './convolution.ts';
import { arithmeticOf, memoryOf } from './costs.ts';
import { exp, mul, relu } from './elementwise.ts';
import { gradients } from './gradients.ts';
import { reshape } from './layout.ts';
import { constant, input } from './leaves.ts';
import { gemm, linear, matMul } from './linear-algebra.ts';
import { sum } from './reduction.ts';

test('products count a multiplication and an addition for each pair of numbers that meet', () => {
  const [a, b] = [input('a', [5, 3]), input('b', [3, 7])];
  expect(arithmeticOf({ outputs: { y: matMul(a, b) } })).toBe(2 * 5 * 3 * 7);
  const turned = gemm(input('a', [3, 5]), input('b', [7, 3]), { transposeA: true, transposeB: true });
  expect(arithmeticOf({ outputs: { y: turned } })).toBe(2 * 5 * 3 * 7);
  const batches = matMul(input('a', [4, 2, 5, 3]), input('b', [4, 2, 3, 7]));
  expect(arithmeticOf({ outputs: { y: batches } })).toBe(8 * 2 * 5 * 3 * 7);
  const layer = linear(input('x', [2, 6, 3]), input('w', [7, 3]), input('bias', [7]));
  expect(arithmeticOf({ outputs: { y: layer } })).toBe(2 * 12 * 3 * 7);
});

test('values that depend on no input are computed once and not counted', () => {
  const fixed = matMul(constant(float32(new Float32Array(6), [2, 3])), constant(float32(new Float32Array(9), [3, 3])));
  expect(arithmeticOf({ outputs: { y: matMul(fixed, input('b', [3, 7])) } })).toBe(2 * 2 * 3 * 7);
});

test('a convolution costs the same in the forward pass, to its picture, and to its weight', () => {
  const [x, weight] = [input('x', [2, 4, 9, 9]), input('w', [6, 4, 3, 3])];
  const y = conv2d(x, weight, { stride: 2, padding: 1 });
  const forward = 2 * (2 * 6 * 5 * 5) * (4 * 3 * 3);
  expect(arithmeticOf({ outputs: { y } })).toBe(forward);
  const [dx, dw] = gradients(sum(mul(y, y)), [x, weight]);
  expect(arithmeticOf({ outputs: { dx: dx! } })).toBeCloseTo(2 * forward, 3);
  expect(arithmeticOf({ outputs: { dx: dx!, dw: dw! } })).toBeCloseTo(3 * forward, 3);
});

test('a chain of operations of any length keeps two results at a time', () => {
  let x = input('x', [100]);
  for (let i = 0; i < 10; i++) x = exp(x);
  expect(memoryOf({ outputs: { x } })).toBe(2 * 400);
});

test('a result that the backward pass reads is kept until then', () => {
  const x = input('x', [100]);
  const layers = (count: number) => {
    let y = x;
    for (let i = 0; i < count; i++) y = exp(y);
    return memoryOf({ outputs: { slope: gradients(sum(y), [x])[0]! } });
  };
  expect(layers(9) - layers(8)).toBe(400);
});

test('reshapes, weights, constants and inputs take no memory; bytes and indices take their own size', () => {
  const table = constant(float32(new Float32Array(100), [100]));
  const y = relu(reshape(mul(input('x', [100]), table), [10, 10]));
  expect(memoryOf({ outputs: { y } })).toBe(2 * 400);
});
