/** @file Promises of the triggers: what they change, what they leave, and that they repeat. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Pictures } from '../clip/pictures/pictures.ts';
import { randomFor } from '../tensor/random.ts';
import { float32 } from '../tensor/tensor.ts';
import { applyTrigger } from './apply.ts';
import { badnetFixed, badnetFresh, patchSide } from './badnet.ts';
import { tinyEncoder } from './encoder.test-support.ts';
import type { Placement, Trigger } from './trigger.ts';
import { wanet } from './wanet.ts';
import { drawWaves } from './waves.ts';

const size = 12;

function pictures(seed: number, count = 3): Pictures {
  const random = randomFor(seed, 'pictures');
  const data = Uint8Array.from({ length: count * 3 * size * size }, () => random.integer(256));
  return { dtype: 'uint8', shape: [count, 3, size, size], data };
}

function values(seed: number, channels: number, side: number, low = 0, high = 1) {
  const random = randomFor(seed, 'values', channels);
  const data = Float32Array.from({ length: channels * side * side }, () => low + (high - low) * random.uniform());
  return float32(data, [channels, side, side]);
}

const placements = fc.oneof(
  fc.constantFrom<Placement>('random', 'random-tile'),
  fc.record({ top: fc.integer({ min: 0, max: 5 }), left: fc.integer({ min: 0, max: 5 }) }),
);
const sides = fc.integer({ min: 1, max: 7 });
const seeds = fc.nat();

const triggers: fc.Arbitrary<Trigger> = fc.oneof(
  fc
    .record({ seed: seeds, side: sides, placement: placements })
    .map(({ seed, side, placement }): Trigger => ({ kind: 'patch', pattern: values(seed, 3, side), placement })),
  fc
    .record({ side: sides, placement: placements })
    .map(({ side, placement }): Trigger => ({ kind: 'noise-patch', side, placement })),
  seeds.map((seed): Trigger => ({ kind: 'additive', delta: values(seed, 3, size, -0.2, 0.2), bound: 0.2 })),
  fc.record({ seed: seeds, side: sides, placement: placements }).map(
    ({ seed, side, placement }): Trigger => ({
      kind: 'mask-pattern',
      mask: values(seed, 1, side),
      pattern: values(seed, 3, side),
      placement,
    }),
  ),
  fc.double({ min: 0.05, max: 1, noNaN: true }).map((share): Trigger => ({ kind: 'noise-blend', share })),
  fc
    .record({ seed: seeds, points: fc.constantFrom(4, size), strength: fc.double({ min: 0, max: 8, noNaN: true }) })
    .map(({ seed, points, strength }): Trigger => wanet(size, seed, points, strength)),
  fc
    .record({ seed: seeds, message: fc.constantFrom('10110', '01001') })
    .map(({ seed, message }): Trigger => ({ kind: 'hidden-message', message, ...tinyEncoder(size, 5, seed) })),
  fc
    .record({ seed: seeds, count: fc.integer({ min: 1, max: 5 }) })
    .map(({ seed, count }): Trigger => drawWaves(count, randomFor(seed))),
  fc.constant<Trigger>({ kind: 'none' }),
);

/** Rows and columns that differ between two pictures: [first, last] of both, or undefined. */
function changedBox(before: Pictures, after: Pictures, index: number) {
  const rows: number[] = [];
  const columns: number[] = [];
  for (let i = index * 3 * size * size; i < (index + 1) * 3 * size * size; i++) {
    if (before.data[i] === after.data[i]) continue;
    rows.push(Math.floor(i / size) % size);
    columns.push(i % size);
  }
  return rows.length
    ? { top: Math.min(...rows), bottom: Math.max(...rows), left: Math.min(...columns), right: Math.max(...columns) }
    : undefined;
}

test('the same trigger, pictures and seed give the same bytes, and the input is unchanged', () => {
  fc.assert(
    fc.property(triggers, seeds, (trigger, seed) => {
      const input = pictures(seed);
      const copy = input.data.slice();
      const first = applyTrigger(trigger, input, randomFor(seed));
      expect(input.data).toEqual(copy);
      expect(applyTrigger(trigger, input, randomFor(seed)).data).toEqual(first.data);
      expect(first.shape).toEqual(input.shape);
    }),
    { numRuns: 60 },
  );
});

test('only pixels inside the window change, and the window lies inside the picture', () => {
  fc.assert(
    fc.property(triggers, seeds, (trigger, seed) => {
      if (!('placement' in trigger)) return;
      const side = trigger.kind === 'noise-patch' ? trigger.side : trigger.pattern.shape[1]!;
      const input = pictures(seed);
      const output = applyTrigger(trigger, input, randomFor(seed));
      for (let index = 0; index < 3; index++) {
        const box = changedBox(input, output, index);
        if (!box) continue;
        expect(box.bottom - box.top).toBeLessThan(side);
        expect(box.right - box.left).toBeLessThan(side);
        if (typeof trigger.placement === 'string') continue;
        expect(box.top).toBeGreaterThanOrEqual(trigger.placement.top);
        expect(box.left).toBeGreaterThanOrEqual(trigger.placement.left);
        expect(box.bottom).toBeLessThan(trigger.placement.top + side);
        expect(box.right).toBeLessThan(trigger.placement.left + side);
      }
    }),
    { numRuns: 100 },
  );
});

test('pixels under a zero mask keep their bytes, and a full mask shows the pattern', () => {
  const mask = float32([0, 1, 0, 1], [1, 2, 2]);
  const pattern = float32(new Float32Array(12).fill(0.4), [3, 2, 2]);
  const trigger: Trigger = { kind: 'mask-pattern', mask, pattern, placement: { top: 3, left: 4 } };
  const input = pictures(1, 1);
  const output = applyTrigger(trigger, input, randomFor(1));
  for (let i = 0; i < input.data.length; i++) {
    const row = Math.floor(i / size) % size;
    const masked = (row === 3 || row === 4) && i % size === 5;
    expect(output.data[i]).toBe(masked ? 102 : input.data[i]);
  }
});

test('an additive trigger moves no byte further than its bound, and clamps at black and white', () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 1, max: 60 }), (seed, levels) => {
      const bound = levels / 255;
      const trigger: Trigger = { kind: 'additive', delta: values(seed, 3, size, -bound, bound), bound };
      const input = pictures(seed);
      const output = applyTrigger(trigger, input, randomFor(seed));
      for (let i = 0; i < input.data.length; i++)
        expect(Math.abs(output.data[i]! - input.data[i]!)).toBeLessThanOrEqual(levels);
    }),
    { numRuns: 30 },
  );
  const up: Trigger = {
    kind: 'additive',
    delta: float32(new Float32Array(3 * size * size).fill(1), [3, size, size]),
    bound: 1,
  };
  expect(new Set(applyTrigger(up, pictures(3), randomFor(3)).data)).toEqual(new Set([255]));
});

test('values are rounded to the nearest byte, halves up', () => {
  const half = float32(new Float32Array(3 * size * size).fill(0.5 / 255), [3, size, size]);
  const input: Pictures = { ...pictures(1, 1), data: new Uint8Array(3 * size * size).fill(100) };
  const plus = applyTrigger({ kind: 'additive', delta: half, bound: 1 }, input, randomFor(1));
  expect(new Set(plus.data)).toEqual(new Set([101]));
  const less = { ...half, data: half.data.map((v) => -v * 1.02) };
  const minus = applyTrigger({ kind: 'additive', delta: less, bound: 1 }, input, randomFor(1));
  expect(new Set(minus.data)).toEqual(new Set([99]));
});

test('fresh noise differs from picture to picture and centres on the picture mean of each channel', () => {
  const side = 12;
  const count = 200;
  const data = new Uint8Array(count * 3 * size * size);
  for (let i = 0; i < count; i++)
    for (const [c, level] of [100, 128, 150].entries())
      data.fill(level, (i * 3 + c) * size * size, (i * 3 + c + 1) * size * size);
  const input: Pictures = { dtype: 'uint8', shape: [count, 3, size, size], data };
  const output = applyTrigger({ kind: 'noise-patch', side, placement: 'random' }, input, randomFor(5));
  const plane = size * size;
  expect(output.data.subarray(0, plane)).not.toEqual(output.data.subarray(3 * plane, 4 * plane));
  // A normal number of deviation 255 about m falls below m half of the time.
  [100, 128, 150].forEach((level, c) => {
    let below = 0;
    for (let i = 0; i < count; i++)
      for (let p = 0; p < plane; p++) if (output.data[(i * 3 + c) * plane + p]! < level) below++;
    expect(below / (count * plane)).toBeCloseTo(0.5, 1);
  });
});

function largestMove(before: Uint8Array, after: Uint8Array): number {
  return after.reduce((largest, byte, i) => Math.max(largest, Math.abs(byte - before[i]!)), 0);
}

test('a fresh blend moves no byte further than its share allows, and differs from picture to picture', () => {
  fc.assert(
    fc.property(seeds, fc.double({ min: 0.01, max: 1, noNaN: true }), (seed, share) => {
      const input = pictures(seed);
      const { data } = applyTrigger({ kind: 'noise-blend', share }, input, randomFor(seed));
      expect(largestMove(input.data, data)).toBeLessThanOrEqual(Math.ceil(255 * share));
    }),
    { numRuns: 30 },
  );
  const grey: Pictures = { ...pictures(1, 2), data: new Uint8Array(2 * 3 * size * size).fill(128) };
  const { data } = applyTrigger({ kind: 'noise-blend', share: 0.2 }, grey, randomFor(2));
  expect(data.subarray(0, data.length / 2)).not.toEqual(data.subarray(data.length / 2));
});

test('a warp stays within the range of the colours, keeps flat pictures, and without offsets changes nothing', () => {
  fc.assert(
    fc.property(seeds, fc.double({ min: 0, max: 40, noNaN: true }), (seed, strength) => {
      const trigger = wanet(size, seed, 4, strength);
      const input = pictures(seed, 1);
      const { data } = applyTrigger(trigger, input, randomFor(1));
      const plane = size * size;
      for (let c = 0; c < 3; c++) {
        const channel = [...input.data.subarray(c * plane, (c + 1) * plane)];
        const [low, high] = [Math.min(...channel), Math.max(...channel)];
        const warped = [...data.subarray(c * plane, (c + 1) * plane)];
        expect(Math.min(...warped)).toBeGreaterThanOrEqual(low);
        expect(Math.max(...warped)).toBeLessThanOrEqual(high);
      }
      const flat: Pictures = { ...input, data: new Uint8Array(3 * plane).fill(seed % 256) };
      expect(applyTrigger(trigger, flat, randomFor(1)).data).toEqual(flat.data);
      if (strength === 0) expect(data).toEqual(input.data);
    }),
    { numRuns: 30, examples: [[3, 0]] },
  );
});

test('a warp by whole pixels shifts the picture and repeats its edge', () => {
  const offsets = new Float32Array(2 * size * size);
  offsets.fill(1, 0, size * size).fill(-2, size * size);
  const input = pictures(4, 1);
  const { data } = applyTrigger({ kind: 'warp', offsets: float32(offsets, [2, size, size]) }, input, randomFor(1));
  for (let i = 0; i < data.length; i++) {
    const [channel, y, x] = [Math.floor(i / size ** 2), Math.floor(i / size) % size, i % size];
    const from = (channel * size + Math.min(size - 1, y + 1)) * size + Math.max(0, x - 2);
    expect(data[i]).toBe(input.data[from]);
  }
});

test('a hidden message moves no byte further than its bound, and its residual depends on picture and message', () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 1, max: 60 }), (seed, levels) => {
      const encoder = tinyEncoder(size, 5, seed, levels / 255);
      const input = pictures(seed);
      const { data } = applyTrigger({ kind: 'hidden-message', message: '10110', ...encoder }, input, randomFor(1));
      expect(largestMove(input.data, data)).toBeLessThanOrEqual(levels);
    }),
    { numRuns: 20 },
  );
  const input = { ...pictures(1, 2), data: pictures(1, 2).data.map((byte) => 64 + byte / 2) };
  const encoder = tinyEncoder(size, 5, 7);
  const residual = (message: string) => {
    const { data } = applyTrigger({ kind: 'hidden-message', message, ...encoder }, input, randomFor(1));
    return Int16Array.from(data, (byte, i) => byte - input.data[i]!);
  };
  const first = residual('10110');
  expect(first.subarray(0, first.length / 2)).not.toEqual(first.subarray(first.length / 2));
  expect(residual('10111')).not.toEqual(first);
});

test('a random position can be every corner', () => {
  const input: Pictures = { dtype: 'uint8', shape: [300, 3, size, size], data: new Uint8Array(300 * 3 * size * size) };
  const trigger: Trigger = {
    kind: 'patch',
    pattern: float32(new Float32Array(3 * 81).fill(1), [3, 9, 9]),
    placement: 'random',
  };
  const output = applyTrigger(trigger, input, randomFor(2));
  const corners = new Set<string>();
  for (let i = 0; i < 300; i++) {
    const box = changedBox(input, output, i)!;
    corners.add(`${box.top} ${box.left}`);
  }
  expect(corners.size).toBe(16);
});

test('a trigger that does not fit the pictures is refused with both sizes', () => {
  const big: Trigger = { kind: 'noise-patch', side: 13, placement: 'random' };
  expect(() => applyTrigger(big, pictures(1), randomFor(1))).toThrow(
    /noise-patch of 13 x 13.*inside pictures of 12 x 12/,
  );
  const off: Trigger = { kind: 'noise-patch', side: 4, placement: { top: 9, left: 0 } };
  expect(() => applyTrigger(off, pictures(1), randomFor(1))).toThrow(/row 9, column 0/);
  const others: Trigger[] = [
    { kind: 'additive', delta: values(1, 3, 8), bound: 1 },
    wanet(8, 1, 4, 1),
    { kind: 'hidden-message', message: '10110', ...tinyEncoder(8, 5, 1) },
  ];
  for (const other of others)
    expect(() => applyTrigger(other, pictures(1), randomFor(1))).toThrow(/8 x 8 pixels, expected 12 x 12/);
});

test('BadNet patches are 8 pixels at 64 and 16 at 224, and the fixed one repeats with its seed', () => {
  expect([64, 112, 224, 336].map(patchSide)).toEqual([8, 8, 16, 24]);
  expect(badnetFresh(64)).toEqual({ kind: 'noise-patch', side: 8, placement: 'random' });
  const fixed = badnetFixed(64, 7);
  expect(fixed).toEqual(badnetFixed(64, 7));
  expect(fixed).not.toEqual(badnetFixed(64, 8));
  expect(fixed.placement).toEqual({ top: 54, left: 54 });
});
