import { expect, test } from 'vitest';
import { openEngine } from '../../engine/ort-engine.ts';
import { input } from '../../graph/leaves.ts';
import { randomFor } from '../../tensor/random.ts';
import { elements, float32, type Tensor } from '../../tensor/tensor.ts';
import { startingWaves, waveDelta, waveSize, waveTrigger } from './waves.ts';

const { shape } = startingWaves(randomFor(1));
const [, functions = 0] = shape;
const side = 16;

function only(weight: number, channel: number, down: number, across: number): Tensor<'float32'> {
  const data = new Float32Array(elements(shape));
  data[(channel * functions + down) * functions + across] = weight;
  return float32(data, shape);
}

test('waves change pixels in the graph as their trigger file does, every candidate on its own', async () => {
  const random = randomFor(3, 'waves');
  const each = [0, 1].map(() =>
    float32(
      Float32Array.from({ length: elements(shape) }, () => 0.1 * random.normal()),
      shape,
    ),
  );
  const both = float32(Float32Array.from(each.flatMap(({ data }) => Array.from(data))), [2, ...shape]);
  const waves = input('waves', [2, ...shape]);
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const program = await engine.compile({ outputs: { delta: waveDelta(waves, side), size: waveSize(waves) } });
  const { delta, size } = await program.run({ waves: both });
  await engine.close();
  const expected = each.flatMap((one) => Array.from(waveTrigger(one, side).delta.data));
  Array.from(delta!.data as Float32Array).forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 5);
  });
  each.forEach(({ data }, i) => {
    const magnitudes = data.reduce((total, value) => total + Math.sqrt(value * value + 1e-6), 0);
    expect(Number(size!.data[i]) / magnitudes).toBeCloseTo(1, 4);
  });
});

test('one weight is one wave: a sine across the columns, the same in all rows, in one channel', () => {
  const { delta, bound } = waveTrigger(only(0.5, 1, 0, 6), side);
  for (let channel = 0; channel < 3; channel++)
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) {
        const sine = 0.5 * Math.SQRT2 * Math.sin((2 * Math.PI * 3 * x) / side);
        const expected = channel === 1 ? bound * Math.tanh(sine) : 0;
        expect(delta.data[(channel * side + y) * side + x]).toBeCloseTo(expected, 6);
      }
});

test('however large the weights, no pixel changes by more than the bound', () => {
  const { delta, bound } = waveTrigger(only(100, 0, 3, 4), side);
  expect(Math.max(...delta.data.map(Math.abs))).toBeLessThanOrEqual(Math.fround(bound));
  expect(Math.max(...delta.data.map(Math.abs))).toBeCloseTo(bound, 4);
});
