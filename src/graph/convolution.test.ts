import fc from 'fast-check';
import { expect, test } from 'vitest';
import { at, check, fill, type Reference, spread, total } from './check.test-support.ts';
import { averagePool2d, conv2d } from './convolution.ts';
import { square } from './elementwise.ts';
import { gradients } from './gradients.ts';
import { input } from './leaves.ts';
import { sum } from './reduction.ts';

function convolved(x: Reference, w: Reference, stride: number, padding: number): Reference {
  const [n, channels, height, width] = x.shape as [number, number, number, number];
  const [outputs, , rows, columns] = w.shape as [number, number, number, number];
  const size = (length: number, kernel: number) => Math.floor((length + 2 * padding - kernel) / stride) + 1;
  return fill([n, outputs, size(height, rows), size(width, columns)], ([b, o, i, j]) =>
    total(channels, (c) =>
      total(rows, (u) =>
        total(columns, (v) => {
          const [y, z] = [i! * stride + u - padding, j! * stride + v - padding];
          const inside = y >= 0 && y < height && z >= 0 && z < width;
          return inside ? at(x, [b!, c, y, z]) * at(w, [o!, c, u, v]) : 0;
        }),
      ),
    ),
  );
}

test('conv2d and its gradients are right for odd sizes, strides and paddings', async () => {
  const cases = fc.record({
    n: fc.integer({ min: 1, max: 3 }),
    c: fc.integer({ min: 1, max: 3 }),
    o: fc.integer({ min: 1, max: 3 }),
    height: fc.integer({ min: 3, max: 7 }),
    width: fc.integer({ min: 3, max: 7 }),
    kernel: fc.constantFrom<[number, number]>([1, 1], [2, 2], [3, 3], [3, 2]),
    stride: fc.integer({ min: 1, max: 3 }),
    padding: fc.integer({ min: 0, max: 2 }),
  });
  const holds = fc.asyncProperty(cases, async ({ n, c, o, height, width, kernel, stride, padding }) => {
    await check({
      inputs: [spread([n, c, height, width], 1), spread([o, c, ...kernel], 2)],
      build: (x, w) => conv2d(x, w, { stride, padding }),
      reference: (x, w) => convolved(x!, w!, stride, padding),
    });
  });
  await fc.assert(holds, { seed: 5, numRuns: 40 });
});

test('conv2d cuts pictures into patches where windows do not overlap', async () => {
  await check({
    inputs: [spread([2, 3, 4, 8], 1), spread([5, 3, 2, 2], 2)],
    build: (x, w) => conv2d(x, w, { stride: 2 }),
    reference: (x, w) => convolved(x!, w!, 2, 0),
  });
});

test.each([1, 2])('the gradients of conv2d can be differentiated again, for stride %i', async (stride) => {
  await check({
    inputs: [spread([1, 2, 5, 5], 1), spread([2, 2, 3, 3], 2)],
    build: (x, w) => {
      const [dx, dw] = gradients(sum(square(conv2d(x, w, { stride, padding: 1 }))), [x, w]) as [typeof x, typeof x];
      return conv2d(dx, dw, { padding: 1 });
    },
    tolerance: 1e-4,
  });
});

test('averagePool2d takes means of windows and drops remaining rows and columns', async () => {
  await check({
    inputs: [spread([2, 3, 5, 4], 1)],
    build: (x) => averagePool2d(x, 2),
    reference: (x) =>
      fill([2, 3, 2, 2], ([n, c, i, j]) =>
        total(2, (u) => total(2, (v) => at(x, [n!, c!, 2 * i! + u, 2 * j! + v]) / 4)),
      ),
  });
});

test('shapes that do not fit are refused by name', () => {
  const x = input('x', [1, 3, 4, 4]);
  expect(() => conv2d(x, input('w', [2, 4, 3, 3]))).toThrow(/conv2d: found float32 \[1, 3, 4, 4\].*as many channels/);
  expect(() => conv2d(x, input('w', [2, 3, 5, 5]))).toThrow(/conv2d: .*no smaller than the kernel/);
  expect(() => conv2d(x, input('w', [2, 3]))).toThrow(/conv2d: .*\[O, C, h, w\]/);
  expect(() => averagePool2d(input('y', [4, 4]), 2)).toThrow(/averagePool2d: .*\[N, C, H, W\]/);
});
