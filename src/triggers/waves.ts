/** @file Plane waves over the whole picture, drawn at random and added. */
import { toByte } from '../clip/pictures/pictures.ts';
import type { Random } from '../tensor/random.ts';
import { float32 } from '../tensor/tensor.ts';
import type { WavesTrigger } from './trigger.ts';

/** Count of numbers that describe a wave. */
export const waveNumbers = 6;

/** Most periods of a wave over the picture, down and across; patches cover finer patterns. */
const periods = 8;

/** Least and largest amplitude, in units of the pixel range: up to those of published faint triggers (SIG: 60/255). */
const amplitudes = [16 / 255, 64 / 255] as const;

/** `count` waves, each of any direction, length, phase and strength, half of them grey and half of any colour. */
export function drawWaves(count: number, random: Random): WavesTrigger {
  const waves = Array.from({ length: count }, () => {
    const [least, most] = amplitudes;
    const amplitude = least + (most - least) * random.uniform();
    const inGrey = random.uniform() < 0.5;
    const colour = () => amplitude * (inGrey ? 1 : 2 * random.uniform() - 1);
    return [...direction(random), 2 * Math.PI * random.uniform(), colour(), colour(), colour()];
  });
  return { kind: 'waves', waves: float32(Float32Array.from(waves.flat()), [count, waveNumbers]) };
}

/** Periods down and across. Half of the waves run along an axis, as published ones do. */
function direction(random: Random): readonly [down: number, across: number] {
  const some = () => 1 + random.integer(periods);
  switch (random.integer(4)) {
    case 0:
      return [0, some()];
    case 1:
      return [some(), 0];
    default:
      return [random.uniform() < 0.5 ? some() : -some(), some()];
  }
}

/** Adds one of the waves to a picture [3, size, size] in place. */
export function addWave({ waves: { data } }: WavesTrigger, which: number, picture: Uint8Array, size: number): void {
  const [down, across, phase, ...colour] = data.subarray(which * waveNumbers, (which + 1) * waveNumbers);
  const area = size * size;
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const wave = 255 * Math.sin((2 * Math.PI * (down! * y + across! * x)) / size + phase!);
      for (let channel = 0; channel < 3; channel++) {
        const at = channel * area + y * size + x;
        picture[at] = toByte(picture[at]! + colour[channel]! * wave);
      }
    }
}
