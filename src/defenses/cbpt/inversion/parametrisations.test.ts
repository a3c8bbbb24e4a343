import { expect, test } from 'vitest';
import { openEngine } from '../../../engine/ort-engine.ts';
import { input } from '../../../graph/leaves.ts';
import { randomFor } from '../../../tensor/random.ts';
import { elements, float32, type Tensor } from '../../../tensor/tensor.ts';
import { applyTrigger } from '../../../triggers/apply.ts';
import { parametrisations } from './parametrisations.ts';

const side = 12;
const options = { bound: 12 / 255 };

/** Parameters far from their start, so that every part of a form has an effect. */
function scattered(start: Readonly<Record<string, Tensor<'float32'>>>): Record<string, Tensor<'float32'>> {
  const random = randomFor(5, 'scatter');
  return Object.fromEntries(
    Object.entries(start).map(([name, { shape }]) => {
      const spread = name === 'delta' ? options.bound : 2;
      const data = Float32Array.from({ length: elements(shape) }, () => spread * (2 * random.uniform() - 1));
      return [name, float32(data, shape)];
    }),
  );
}

test.each(['additive', 'sparse', 'blend'] as const)(
  'the %s form changes pixels in the graph as its trigger file does, up to rounding to bytes',
  async (form) => {
    const { start, apply, trigger } = parametrisations[form](side, options, randomFor(1, 'start'));
    const values = scattered(start);
    const random = randomFor(2, 'pixels');
    const bytes = Uint8Array.from({ length: 2 * 3 * side * side }, () => random.integer(256));
    const engine = await openEngine({ device: 'cpu', threads: 1 });
    const parameters = new Map(Object.entries(values).map(([name, { shape }]) => [name, input(name, shape)]));
    const { triggered, size } = apply(parameters, input('pixels', [2, 3, side, side]));
    const program = await engine.compile({ outputs: { triggered, size } });
    const pixels = float32(
      Float32Array.from(bytes, (byte) => byte / 255),
      [2, 3, side, side],
    );
    const result = await program.run({ pixels, ...values });
    await engine.close();
    const pictures = { dtype: 'uint8' as const, shape: [2, 3, side, side], data: bytes };
    const expected = applyTrigger(trigger(values), pictures, randomFor(3, 'none'));
    Array.from(result.triggered!.data as Float32Array).forEach((value, i) => {
      expect(Math.abs(255 * value - expected.data[i]!)).toBeLessThanOrEqual(0.501);
    });
  },
);
