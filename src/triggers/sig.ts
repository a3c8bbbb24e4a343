/** @file SIG (Barni et al., arXiv 1902.11237): a sine across the columns, added to every channel. */
import { float32 } from '../tensor/tensor.ts';
import type { AdditiveTrigger } from './trigger.ts';

/**
 * `amplitude sin(2 pi periods column / size)`, the same in all rows.
 *
 * @param amplitude in units of the pixel range
 * @param periods over the whole width, so that the wave is the same part of the picture at every size
 */
export function sig(size: number, amplitude: number, periods: number): AdditiveTrigger {
  const wave = Float32Array.from(
    { length: size },
    (_, column) => amplitude * Math.sin((2 * Math.PI * periods * column) / size),
  );
  const delta = new Float32Array(3 * size * size);
  for (let row = 0; row < 3 * size; row++) delta.set(wave, row * size);
  return { kind: 'additive', delta: float32(delta, [3, size, size]), bound: amplitude };
}
