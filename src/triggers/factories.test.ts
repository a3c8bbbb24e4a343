/** @file Promises of the trigger factories: they repeat with their seed, keep to the published numbers, and scale. */
import { expect, test } from 'vitest';
import { blendedFixed, blendedFresh, blendedPicture } from './blended.ts';
import { sig } from './sig.ts';
import { wanet } from './wanet.ts';

test('seeded triggers repeat with their seed and differ with another', () => {
  for (const make of [
    (seed: number) => blendedFixed(16, seed, 0.2),
    (seed: number) => wanet(16, seed, 4, 0.5),
    (seed: number) => wanet(16, seed, 16, 1),
  ]) {
    expect(make(3)).toEqual(make(3));
    expect(make(3)).not.toEqual(make(4));
  }
});

test('a blend has the same share everywhere, and its pattern is on whole bytes', () => {
  expect(blendedFresh(0.2)).toEqual({ kind: 'noise-blend', share: 0.2 });
  for (const { mask, pattern } of [blendedFixed(32, 1, 0.2), blendedPicture(32, 0.2)]) {
    expect(new Set(mask.data)).toEqual(new Set([Math.fround(0.2)]));
    const excess = pattern.data.map((value) => Math.abs(255 * value - Math.round(255 * value)));
    expect(Math.max(...excess)).toBeLessThan(1e-4);
  }
});

test('the drawing scales: each pixel is the mean of its four pixels at twice the size', () => {
  const small = blendedPicture(32, 0.2).pattern.data;
  const large = blendedPicture(64, 0.2).pattern.data;
  let apart = 0;
  for (let i = 0; i < small.length; i++) {
    const [plane, y, x] = [Math.floor(i / 1024), Math.floor(i / 32) % 32, i % 32];
    const from = (plane * 64 + 2 * y) * 64 + 2 * x;
    const mean = (large[from]! + large[from + 1]! + large[from + 64]! + large[from + 65]!) / 4;
    apart += Math.abs(small[i]! - mean) / small.length;
  }
  expect(apart).toBeLessThan(0.01);
  // A face: light head, dark eyes, yellow nose, on pink.
  const at = (x: number, y: number) =>
    [0, 1, 2].map((c) => Math.round(255 * large[(c * 64 + Math.floor(64 * y)) * 64 + Math.floor(64 * x)]!));
  expect(at(0.5, 0.5)).toEqual([250, 250, 245]);
  expect(at(0.34, 0.57)).toEqual([35, 30, 40]);
  expect(at(0.5, 0.68)).toEqual([240, 190, 40]);
  expect(at(0.02, 0.02)).toEqual([233, 90, 134]);
});

test('the sine has six periods at every size', () => {
  for (const size of [64, 224]) {
    const { delta, bound } = sig(size, 60 / 255, 6);
    const row = delta.data.subarray(0, size);
    const rises = row.filter((value, column) => column > 0 && row[column - 1]! < -1e-6 && value >= -1e-6).length;
    // The sixth period ends where the picture does.
    expect(rises).toBe(5);
    expect(bound).toBeCloseTo(60 / 255, 12);
    expect(Math.max(...row)).toBeCloseTo(bound, 2);
  }
});

test.each([
  [64, 64, 1],
  [224, 224, 1],
])('jitter at %d pixels moves a pixel by half a pixel on average, and neighbours independently', (size, points, s) => {
  const { data } = wanet(size, 1, points, s).offsets;
  const mean = data.reduce((total, value) => total + Math.abs(value), 0) / data.length;
  expect(mean).toBeCloseTo((0.5 * (size - 1)) / size, 3);
  const products = data.slice(1).map((value, i) => value * data[i]!);
  const covariance = products.reduce((total, value) => total + value, 0) / products.length;
  const variance = data.reduce((total, value) => total + value * value, 0) / data.length;
  expect(Math.abs(covariance / variance)).toBeLessThan(0.05);
});

test('a warp of 4 x 4 points is smooth: neighbours move nearly alike', () => {
  const { data } = wanet(64, 1, 4, 2).offsets;
  for (let i = 1; i < data.length; i++) if (i % 64 > 0) expect(Math.abs(data[i]! - data[i - 1]!)).toBeLessThan(0.35);
  expect(Math.max(...data.map(Math.abs))).toBeGreaterThan(0.5);
});
