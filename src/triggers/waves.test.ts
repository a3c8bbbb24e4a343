import { expect, test } from 'vitest';
import type { Pictures } from '../clip/pictures/pictures.ts';
import { randomFor } from '../tensor/random.ts';
import { float32 } from '../tensor/tensor.ts';
import { applyTrigger } from './apply.ts';
import { sig } from './sig.ts';
import type { WavesTrigger } from './trigger.ts';
import { drawWaves, waveNumbers } from './waves.ts';

const size = 16;
const grey = (count: number): Pictures => ({
  dtype: 'uint8',
  shape: [count, 3, size, size],
  data: new Uint8Array(count * 3 * size * size).fill(128),
});
const waves = (...rows: number[][]): WavesTrigger => ({
  kind: 'waves',
  waves: float32(Float32Array.from(rows.flat()), [rows.length, waveNumbers]),
});

test('a grey wave across the picture is the published sine', () => {
  const sine = applyTrigger(sig(size, 60 / 255, 6), grey(1), randomFor(1));
  const wave = applyTrigger(waves([0, 6, 0, 60 / 255, 60 / 255, 60 / 255]), grey(1), randomFor(1));
  expect(wave).toEqual(sine);
});

test('a wave can run down, with its own amplitude in each channel', () => {
  const { data } = applyTrigger(waves([2, 0, Math.PI / 2, 0.1, -0.2, 0]), grey(1), randomFor(1));
  const at = (channel: number, y: number, x: number) => data[(channel * size + y) * size + x]!;
  for (let y = 0; y < size; y++) {
    const wave = 255 * Math.cos((4 * Math.PI * y) / size);
    expect(Math.abs(at(0, y, 0) - (128 + 0.1 * wave))).toBeLessThanOrEqual(0.51);
    expect(Math.abs(at(1, y, 0) - (128 - 0.2 * wave))).toBeLessThanOrEqual(0.51);
    expect(at(2, y, 0)).toBe(128);
    expect(at(0, y, 7)).toBe(at(0, y, 0));
  }
});

test('every picture gets one of the waves', () => {
  const [first, second] = [
    [1, 0, 0, 0.1, 0.1, 0.1],
    [0, 3, 1, 0.2, 0.1, 0],
  ] as const;
  const length = 3 * size * size;
  const alone = [first, second].map((wave) => applyTrigger(waves([...wave]), grey(1), randomFor(1)).data.join());
  const { data } = applyTrigger(waves([...first], [...second]), grey(40), randomFor(1));
  const found = Array.from({ length: 40 }, (_, i) => alone.indexOf(data.subarray(i * length, (i + 1) * length).join()));
  expect(new Set(found)).toEqual(new Set([0, 1]));
});

test('drawn waves have all directions, are never constant, and half of them run along an axis', () => {
  const { data } = drawWaves(400, randomFor(1, 'waves')).waves;
  let alongAxis = 0;
  for (let i = 0; i < data.length; i += waveNumbers) {
    const [down, across, phase, ...colour] = data.subarray(i, i + waveNumbers);
    expect(Math.max(Math.abs(down!), Math.abs(across!))).toBeGreaterThanOrEqual(1);
    expect(Math.max(Math.abs(down!), Math.abs(across!))).toBeLessThanOrEqual(8);
    expect(phase).toBeLessThan(2 * Math.PI);
    for (const amplitude of colour) expect(Math.abs(amplitude)).toBeLessThanOrEqual(64.001 / 255);
    if (down === 0 || across === 0) alongAxis++;
  }
  expect(Math.abs(alongAxis - 200)).toBeLessThan(40);
  expect(drawWaves(5, randomFor(3))).toEqual(drawWaves(5, randomFor(3)));
});
