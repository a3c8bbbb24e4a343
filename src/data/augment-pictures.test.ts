import { expect, test } from 'vitest';
import type { Pictures } from '../clip/pictures/pictures.ts';
import { randomFor } from '../tensor/random.ts';
import { augmentPictures, leftAsTheyAre, type PictureAugmentation } from './augment-pictures.ts';

const size = 16;
/** Brightness rises from left to right in the first picture, from top to bottom in the second. */
function ramps(): Pictures {
  const data = new Uint8Array(2 * 3 * size * size);
  for (let i = 0; i < data.length; i++) {
    const [x, y] = [i % size, Math.floor(i / size) % size];
    data[i] = 10 + 15 * (i < data.length / 2 ? x : y);
  }
  return { dtype: 'uint8', shape: [2, 3, size, size], data };
}

const of = (options: Partial<PictureAugmentation>, seed = 1) =>
  augmentPictures(ramps(), randomFor(seed, 'pictures'), { ...leftAsTheyAre, ...options });

test('without any augmentation a picture keeps its bytes', () => {
  expect(of({})).toEqual(ramps());
});

test('a mirrored picture has its columns in reverse, its rows in order', () => {
  const { data } = of({ mirror: 1 });
  const half = data.length / 2;
  for (let x = 0; x < size; x++) expect(data[x]).toBe(ramps().data[size - 1 - x]);
  expect(data.subarray(half)).toEqual(ramps().data.subarray(half));
});

test('a crop shows part of the picture, stretched: less of the range, still rising evenly', () => {
  for (let seed = 0; seed < 20; seed++) {
    const row = [...of({ crop: [0.25, 0.25] }, seed).data.subarray(0, size)];
    const steps = row.slice(1).map((value, i) => value - row[i]!);
    expect(Math.min(...steps)).toBeGreaterThanOrEqual(0);
    const range = row.at(-1)! - row[0]!;
    expect(range).toBeLessThan(0.7 * 15 * (size - 1));
    expect(range).toBeGreaterThan(0.3 * 15 * (size - 1));
  }
});

test('noise has the requested deviation', () => {
  const grey = { dtype: 'uint8' as const, shape: [1, 3, 64, 64], data: new Uint8Array(3 * 64 * 64).fill(128) };
  const noisy = augmentPictures(grey, randomFor(2), { ...leftAsTheyAre, noise: { share: 1, deviation: [20, 20] } });
  const mean = noisy.data.reduce((sum, value) => sum + value, 0) / noisy.data.length;
  const variance = noisy.data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / noisy.data.length;
  expect(Math.abs(mean - 128)).toBeLessThan(1);
  expect(Math.abs(Math.sqrt(variance) - 20)).toBeLessThan(1);
});

test('erasing gives one grey rectangle of about the requested area, in all channels', () => {
  const white = { dtype: 'uint8' as const, shape: [1, 3, 64, 64], data: new Uint8Array(3 * 64 * 64).fill(255) };
  for (let seed = 0; seed < 20; seed++) {
    const { data } = augmentPictures(white, randomFor(seed), {
      ...leftAsTheyAre,
      erase: { share: 1, area: [0.05, 0.05] },
    });
    const plane = 64 * 64;
    const grey = [...data.keys()].filter((i) => data[i] === 128);
    expect(grey.length / 3 / plane).toBeGreaterThan(0.035);
    expect(grey.length / 3 / plane).toBeLessThan(0.065);
    const first = grey.filter((i) => i < plane);
    expect(grey.filter((i) => i >= plane && i < 2 * plane)).toEqual(first.map((i) => i + plane));
    const rows = new Set(first.map((i) => Math.floor(i / 64)));
    const columns = new Set(first.map((i) => i % 64));
    expect(rows.size * columns.size).toBe(first.length);
  }
});

test('pictures are augmented independently, and the same way for the same seed', () => {
  const options = { crop: [0.5, 1], mirror: 0.5, colour: 0.8, grey: 0.2, blur: 0.3 } as const;
  expect(of(options, 7)).toEqual(of(options, 7));
  expect(of(options, 7).data).not.toEqual(of(options, 8).data);
});
