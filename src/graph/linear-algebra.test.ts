import fc from 'fast-check';
import { expect, test } from 'vitest';
import { at, check, fill, type Reference, spread, total } from './check.test-support.ts';
import { transpose } from './layout.ts';
import { input } from './leaves.ts';
import { gemm, linear, matMul } from './linear-algebra.ts';
import { broadcastShape } from './rule.ts';

function product(a: Reference, b: Reference): Reference {
  const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2))!;
  return fill([...batch, a.shape.at(-2)!, b.shape.at(-1)!], (index) => {
    const [rest, i, j] = [index.slice(0, -2), index.at(-2)!, index.at(-1)!];
    return total(a.shape.at(-1)!, (k) => at(a, [...rest, i, k]) * at(b, [...rest, k, j]));
  });
}

const turned = (x: Reference): Reference => fill(x.shape.toReversed(), ([i, j]) => at(x, [j!, i!]));

test('matMul and its gradients are right for all batches that broadcast', async () => {
  const size = fc.integer({ min: 1, max: 4 });
  const batch = fc.constantFrom<[number[], number[]]>(
    [[], []],
    [[2], [2]],
    [[2], []],
    [[], [3]],
    [[2, 1], [3]],
    [
      [1, 3],
      [2, 1],
    ],
  );
  const holds = fc.asyncProperty(size, size, size, batch, async (m, k, n, [left, right]) => {
    await check({
      inputs: [spread([...left, m, k], 1), spread([...right, k, n], 2)],
      build: matMul,
      reference: product,
    });
  });
  await fc.assert(holds, { seed: 3, numRuns: 15 });
});

test.each([
  [false, false, 1],
  [false, true, 1],
  [true, false, 2],
  [true, true, -0.5],
])('gemm and its gradients are right (first transposed: %s, second: %s, alpha %d)', async (...attributes) => {
  const [transposeA, transposeB, alpha] = attributes;
  const shapes = [transposeA ? [3, 2] : [2, 3], transposeB ? [4, 3] : [3, 4], [4]];
  await check({
    inputs: shapes.map((shape, i) => spread(shape, i)),
    build: (a, b, bias) => gemm(a!, b!, { transposeA, transposeB, alpha }, bias),
    reference: (a, b, bias) => {
      const y = product(transposeA ? turned(a!) : a!, transposeB ? turned(b!) : b!);
      return fill([2, 4], (index) => alpha * at(y, index) + at(bias!, index));
    },
  });
});

test.each([
  [false, false],
  [false, true],
  [true, false],
  [true, true],
])('factors that were transposed already are multiplied as if they lay so (flags %s, %s)', async (...flags) => {
  const [transposeA, transposeB] = flags;
  const shapes = [transposeA ? [2, 3] : [3, 2], transposeB ? [3, 4] : [4, 3]];
  await check({
    inputs: shapes.map((shape, i) => spread(shape, i)),
    build: (a, b) => gemm(transpose(a!, [1, 0]), transpose(b!, [1, 0]), { transposeA, transposeB }),
    reference: (a, b) => product(transposeA ? a! : turned(a!), transposeB ? b! : turned(b!)),
  });
});

test('linear applies one matrix [out, in] to every row, with and without a bias', async () => {
  const inputs = [spread([2, 3, 4], 1), spread([5, 4], 2)];
  const reference = (x: Reference, w: Reference) => product(x, { ...turned(w) });
  await check({ inputs, build: (x, w) => linear(x!, w!), reference: (x, w) => reference(x!, w!) });
  await check({
    inputs: [...inputs, spread([5], 3)],
    build: (x, w, bias) => linear(x!, w!, bias),
    reference: (x, w, bias) => fill([2, 3, 5], (index) => at(reference(x!, w!), index) + at(bias!, index)),
  });
});

test('sizes that do not fit are refused by name', () => {
  const x = input('x', [2, 3]);
  expect(() => matMul(x, input('y', [4, 2]))).toThrow(
    /matMul: found float32 \[2, 3\] and float32 \[4, 2\], expected equal inner/,
  );
  expect(() => matMul(x, input('y', [3]))).toThrow(/matMul: .*at least two axes/);
  expect(() => matMul(input('a', [2, 1, 3]), input('b', [3, 3, 1]))).toThrow(/matMul: .*broadcast/);
  expect(() => gemm(x, input('y', [2, 3]))).toThrow(/gemm: .*inner/);
  expect(() => gemm(input('a', [1, 2, 3]), x)).toThrow(/gemm: .*two matrices/);
  expect(() => linear(x, input('w', [4, 3]), input('b', [3]))).toThrow(/gemmBias: .*bias of shape \[4\]/);
});
