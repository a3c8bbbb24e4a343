import { expect, test } from 'vitest';
import { openEngine } from '../../engine/ort-engine.ts';
import { input } from '../../graph/leaves.ts';
import { randomFor } from '../../tensor/random.ts';
import { elements, float32, type Tensor } from '../../tensor/tensor.ts';
import { applyTrigger } from '../../triggers/apply.ts';
import { forms } from './forms.ts';

const side = 12;
const options = { bound: 12 / 255, window: 0.25 };

/** Parameters far from their start, so that every part of a form shows. */
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

test.each(['additive', 'sparse'] as const)(
  'the %s form changes pixels in the graph as its trigger file does, up to rounding to bytes',
  async (form) => {
    const instance = forms[form](side, options, randomFor(1, 'start'));
    const values = scattered(instance.start);
    const random = randomFor(2, 'pixels');
    const bytes = Uint8Array.from({ length: 2 * 3 * side * side }, () => random.integer(256));
    const engine = await openEngine({ device: 'cpu', threads: 1 });
    const parameters = new Map(Object.entries(values).map(([name, { shape }]) => [name, input(name, shape)]));
    const { triggered, size } = instance.apply(parameters, input('pixels', [2, 3, side, side]));
    const program = await engine.compile({ outputs: { triggered, size } });
    const pixels = float32(
      Float32Array.from(bytes, (byte) => byte / 255),
      [2, 3, side, side],
    );
    const result = await program.run({ pixels, ...(form === 'additive' ? { delta: values.delta! } : values) });
    await engine.close();
    const pictures = { dtype: 'uint8' as const, shape: [2, 3, side, side], data: bytes };
    const expected = applyTrigger(instance.trigger(values), pictures, randomFor(3, 'none'));
    Array.from(result.triggered!.data as Float32Array).forEach((value, i) => {
      expect(Math.abs(255 * value - expected.data[i]!)).toBeLessThanOrEqual(0.501);
    });
  },
);

test('the patch form moves its window to the drawn place, and changes nothing outside', async () => {
  const instance = forms.patch(side, options, randomFor(1, 'start'));
  const values = scattered(instance.start);
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const parameters = new Map(Object.entries(values).map(([name, { shape }]) => [name, input(name, shape)]));
  const { triggered } = instance.apply(parameters, input('pixels', [3, 3, side, side]));
  const program = await engine.compile({ outputs: { triggered } });
  const pixels = float32(new Float32Array(3 * 3 * side * side).fill(0.5), [3, 3, side, side]);
  const draws = instance.draws(3, randomFor(4, 'draws'));
  const result = await program.run({ pixels, ...values, ...draws });
  await engine.close();
  const small = side * options.window;
  const firstOf = (name: string, picture: number) => {
    const data = draws[name]!.data as Float32Array;
    const row = Array.from({ length: side }, (_, i) => data[(picture * side + i) * small]!);
    return row.indexOf(1);
  };
  const trigger = instance.trigger(values);
  if (trigger.kind !== 'mask-pattern') throw new Error('the patch form has a mask');
  const data = result.triggered!.data as Float32Array;
  for (let picture = 0; picture < 3; picture++) {
    const [top, left] = [firstOf('placement.down', picture), firstOf('placement.across', picture)];
    for (let channel = 0; channel < 3; channel++) {
      for (let y = 0; y < side; y++) {
        for (let x = 0; x < side; x++) {
          const inside = y >= top && y < top + small && x >= left && x < left + small;
          const at = (y - top) * small + (x - left);
          const mask = inside ? trigger.mask.data[at]! : 0;
          const pattern = inside ? trigger.pattern.data[channel * small * small + at]! : 0;
          const expected = 0.5 + mask * (pattern - 0.5);
          expect(data[((picture * 3 + channel) * side + y) * side + x]).toBeCloseTo(expected, 5);
        }
      }
    }
  }
});
