import { expect, test } from 'vitest';
import { randomFor } from '../tensor/random.ts';
import { elements, float32, type Tensor } from '../tensor/tensor.ts';
import { gelu, l2Normalize } from './composites.ts';
import { averagePool2d, conv2d } from './convolution.ts';
import { add, mul, relu, square, stopGradient } from './elementwise.ts';
import { gradients } from './gradients.ts';
import { constant, filled, input } from './leaves.ts';
import { linear } from './linear-algebra.ts';
import { batchNormTraining, layerNorm } from './normalization.ts';
import { mean, sum } from './reduction.ts';
import { runForTests } from './run.test-support.ts';

test('the gradient of a small network agrees with central differences', async () => {
  const random = randomFor(1, 'network');
  const numbers = (shape: number[]): Tensor<'float32'> =>
    float32(Array.from({ length: elements(shape) }, random.normal), shape);
  const [x, w, scale, w2] = [
    input('x', [2, 3, 8, 8]),
    input('w', [4, 3, 3, 3]),
    input('scale', [4]),
    input('w2', [5, 4]),
  ];
  const y = relu(batchNormTraining(conv2d(x, w, { stride: 2, padding: 1 }), scale, scale).y);
  const pooled = mean(averagePool2d(y, 2), [2, 3]);
  const z = l2Normalize(gelu(layerNorm(linear(pooled, w2), filled(1, [5]), filled(0.1, [5]))));
  const loss = sum(mul(square(z), constant(numbers([2, 5]))));
  const [dx, dw, dScale, dW2] = gradients(loss, [x, w, scale, w2]) as [typeof x, typeof x, typeof x, typeof x];
  const feeds = { x: numbers([2, 3, 8, 8]), w: numbers([4, 3, 3, 3]), scale: numbers([4]), w2: numbers([5, 4]) };
  const found = await runForTests({ outputs: { dx, dw, dscale: dScale, dw2: dW2 } }, feeds);

  const lossAt = async (name: keyof typeof feeds, index: number, step: number): Promise<number> => {
    const moved = feeds[name].data.slice();
    moved[index]! += step;
    const shifted = { ...feeds, [name]: { ...feeds[name], data: moved } };
    return Number((await runForTests({ outputs: { loss } }, shifted)).loss!.data[0]);
  };
  for (const name of ['x', 'w', 'scale', 'w2'] as const) {
    const index = random.integer(feeds[name].data.length);
    const difference = ((await lossAt(name, index, 3e-3)) - (await lossAt(name, index, -3e-3))) / 6e-3;
    expect(Number(found[`d${name}`]!.data[index])).toBeCloseTo(difference, 2);
  }
});

const numbers = (...data: number[]) => float32(data, [data.length]);

test('a value that the loss does not depend on gets zeros', async () => {
  const [x, z] = [input('x', [2]), input('z', [3])];
  const [, dz] = gradients(sum(x), [x, z]);
  expect([...(await runForTests({ outputs: { dz: dz! } })).dz!.data]).toEqual([0, 0, 0]);
});

test('stopGradient stops the gradient', async () => {
  const x = input('x', [2]);
  const [dx] = gradients(sum(mul(x, stopGradient(x))), [x]);
  expect([...(await runForTests({ outputs: { dx: dx! } }, { x: numbers(3, 5) })).dx!.data]).toEqual([3, 5]);
});

test('gradients reach intermediate values, and several uses of a value add up', async () => {
  const x = input('x', [2]);
  const y = mul(x, 2);
  const [dx, dy] = gradients(sum(add(mul(y, y), x)), [x, y]);
  const found = await runForTests({ outputs: { dx: dx!, dy: dy! } }, { x: numbers(1, 2) });
  expect([...found.dx!.data]).toEqual([9, 17]);
  expect([...found.dy!.data]).toEqual([4, 8]);
});

test('a chain of ten thousand operations does not overflow the stack', () => {
  let x = input('x', []);
  const start = x;
  for (let i = 0; i < 10_000; i++) x = add(x, 1);
  expect(gradients(x, [start])).toHaveLength(1);
});

test('a loss of more than one number is refused', () => {
  expect(() => gradients(input('x', [2]), [])).toThrow(/gradients: found float32 \[2\], expected a loss of one/);
});

test('second results, such as statistics, cannot be differentiated unless the gradient is stopped', () => {
  const [x, c] = [input('x', [2, 3, 4]), input('c', [3])];
  const { variance } = batchNormTraining(x, c, c);
  expect(() => gradients(sum(variance), [x])).toThrow(/result 2 of batchNormTraining/);
  expect(gradients(sum(stopGradient(variance)), [x])).toHaveLength(1);
});
