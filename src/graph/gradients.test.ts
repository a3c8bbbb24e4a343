import { expect, test } from 'vitest';
import { randomFor } from '../tensor/random.ts';
import { elements, float32, type Tensor } from '../tensor/tensor.ts';
import { gelu, l2Normalize } from './composites.ts';
import { averagePool2d, conv2d } from './convolution.ts';
import { mul, relu, square } from './elementwise.ts';
import { gradients } from './gradients.ts';
import { constant, filled, input } from './leaves.ts';
import { linear } from './linear-algebra.ts';
import { batchNormTraining, layerNorm } from './normalization.ts';
import { mean, sum } from './reduction.ts';
import { runForTests } from './run-for-tests.ts';

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
