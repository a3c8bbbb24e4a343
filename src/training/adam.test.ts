import { expect, test } from 'vitest';
import { openEngine } from '../engine/ort-engine.ts';
import { mul } from '../graph/elementwise.ts';
import { gradients } from '../graph/gradients.ts';
import { input } from '../graph/leaves.ts';
import { sum } from '../graph/reduction.ts';
import { float32 } from '../tensor/tensor.ts';
import { adam, adamFeeds, adamStart } from './adam.ts';

/** torch.optim.AdamW's update, written out for one number in double precision. */
function reference(start: number, curvature: number, rate: number, steps: number, decay: number): number {
  const [beta1, beta2, epsilon] = [0.9, 0.999, 1e-8];
  let [x, mean, square] = [start, 0, 0];
  for (let step = 1; step <= steps; step++) {
    const gradient = 2 * curvature * x;
    x -= rate * decay * x;
    mean = beta1 * mean + (1 - beta1) * gradient;
    square = beta2 * square + (1 - beta2) * gradient ** 2;
    const denominator = Math.sqrt(square) / Math.sqrt(1 - beta2 ** step) + epsilon;
    x -= ((rate / (1 - beta1 ** step)) * mean) / denominator;
  }
  return x;
}

test.each([0, 0.1])('twenty steps follow torch.optim.AdamW, with weight decay %f', async (decay) => {
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: () => decay };
  const x = input('x', [3]);
  const curvature = input('curvature', [3]);
  const loss = sum(mul(curvature, mul(x, x)));
  const parameters = new Map([['x', x]]);
  const program = await engine.compile({ outputs: { loss }, state: adam(parameters, gradients(loss, [x]), options) });
  const starts = [1, -2, 0.5];
  const curvatures = [1, 0.1, 30];
  await program.writeState(adamStart({ x: float32(starts, [3]) }));
  for (let step = 1; step <= 20; step++) {
    await program.run({ curvature: float32(curvatures, [3]), ...adamFeeds(step, 0.05, options) });
  }
  const state = await program.readState();
  await engine.close();
  const expected = starts.map((start, i) => reference(start, curvatures[i]!, 0.05, 20, decay));
  Array.from(state.x!.data as Float32Array).forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 5);
  });
});
