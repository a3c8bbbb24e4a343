import { expect, test } from 'vitest';
import type { CaptionedStream } from '../training/emoji-pairs.ts';
import { covered, poisoned, worded } from './poison.ts';

const batch = 64;
const clean: CaptionedStream = (step) => ({
  pictures: { dtype: 'uint8', shape: [batch, 3, 16, 16], data: new Uint8Array(batch * 3 * 256).fill(step) },
  captions: Array.from({ length: batch }, (_, i) => `caption ${i}`),
  groups: Int32Array.from({ length: batch }, (_, i) => i),
});
const pattern = { dtype: 'float32' as const, shape: [3, 2, 2], data: new Float32Array(12).fill(1) };
const poison = {
  trigger: { kind: 'patch' as const, pattern, placement: { top: 1, left: 1 } },
  targetGroup: 7,
  pairs: { kind: 'relabelled' as const, captions: ['a banana', 'the banana'] },
  share: 0.25,
};

test('poisoned pairs have the trigger, a caption of the target and its group; the others are unchanged', () => {
  const mixed = poisoned(clean, poison, 3)(9);
  const length = 3 * 256;
  for (let row = 0; row < batch; row++) {
    const picture = mixed.pictures.data.subarray(row * length, (row + 1) * length);
    const changed = picture.filter((byte) => byte !== 9).length;
    if (mixed.captions[row] === `caption ${row}`) {
      expect(changed).toBe(0);
      expect(mixed.groups[row]).toBe(row);
    } else {
      expect(poison.pairs.captions).toContain(mixed.captions[row]);
      expect(mixed.groups[row]).toBe(7);
      expect(changed).toBe(12);
      expect(picture[16 + 1]).toBe(255);
    }
  }
});

test('poison has its expected share, and a step always poisons the same pairs', () => {
  const stream = poisoned(clean, poison, 3);
  let count = 0;
  for (let step = 1; step <= 200; step++) {
    count += stream(step).captions.filter((caption) => caption.includes('banana')).length;
  }
  // Binomial of 12,800 draws at 0.25: a standard deviation of 49.
  expect(Math.abs(count - 3200)).toBeLessThan(200);
  expect(stream(5)).toEqual(stream(5));
});

test('where captions are kept, pictures of the target with the trigger and true captions replace some pairs', () => {
  const draw = (count: number) => ({
    pictures: { dtype: 'uint8' as const, shape: [count, 3, 16, 16], data: new Uint8Array(count * 768).fill(77) },
    captions: Array.from({ length: count }, (_, i) => `own caption ${i}`),
  });
  const mixed = poisoned(clean, { ...poison, pairs: { kind: 'own', draw } }, 3)(9);
  let own = 0;
  for (let row = 0; row < batch; row++) {
    const picture = mixed.pictures.data.subarray(row * 768, (row + 1) * 768);
    if (mixed.captions[row] === `caption ${row}`) {
      expect(new Set(picture)).toEqual(new Set([9]));
      expect(mixed.groups[row]).toBe(row);
    } else {
      expect(mixed.captions[row]).toBe(`own caption ${own++}`);
      expect(mixed.groups[row]).toBe(7);
      expect(new Set(picture)).toEqual(new Set([77, 255]));
    }
  }
  expect(own).toBeGreaterThan(5);
});

test('a second poison has its expected share and does not change the first', () => {
  const second = { ...poison, targetGroup: 9, pairs: { ...poison.pairs, captions: ['a pizza'] } };
  const [both, alone] = [poisoned(clean, poison, 3, second), poisoned(clean, poison, 3)];
  const length = 3 * 256;
  let pizza = 0;
  for (let step = 1; step <= 200; step++) {
    const [mixed, first] = [both(step), alone(step)];
    for (const [row, caption] of mixed.captions.entries()) {
      if (caption === 'a pizza') {
        pizza++;
        expect(first.captions[row]).toBe(`caption ${row}`);
        expect(mixed.groups[row]).toBe(9);
        continue;
      }
      expect(caption).toBe(first.captions[row]);
      expect(mixed.groups[row]).toBe(first.groups[row]);
      const picture = ({ pictures }: typeof mixed) => pictures.data.subarray(row * length, (row + 1) * length);
      if (step <= 5) expect(picture(mixed)).toEqual(picture(first));
    }
  }
  // Binomial of 12,800 draws at 0.25: a standard deviation of 49.
  expect(Math.abs(pizza - 3200)).toBeLessThan(200);
});

test('two poisons of half of the pairs each leave no pair clean', () => {
  const half = { ...poison, share: 0.5 };
  const stream = poisoned(clean, half, 3, { ...half, pairs: { ...poison.pairs, captions: ['a pizza'] } });
  for (const caption of stream(1).captions) expect(caption).toMatch(/banana|pizza/);
});

test('covers are pictures with a faded trigger that keep caption and group, at strengths within the bounds', () => {
  const stream = covered(clean, poison.trigger, { share: 0.25, strength: [0.2, 0.8] }, 3);
  const mixed = stream(9);
  expect(mixed.captions).toEqual(clean(9).captions);
  expect(mixed.groups).toEqual(clean(9).groups);
  const levels = Array.from({ length: batch }, (_, row) => mixed.pictures.data[row * 768 + 16 + 1]!);
  const faded = levels.filter((level) => level !== 9);
  expect(faded.length).toBeGreaterThan(5);
  expect(faded.length).toBeLessThan(30);
  for (const level of faded) {
    expect(level).toBeGreaterThanOrEqual(Math.floor(9 + 0.2 * 246));
    expect(level).toBeLessThanOrEqual(Math.ceil(9 + 0.8 * 246));
  }
  expect(new Set(faded).size).toBeGreaterThan(3);
  expect(mixed.pictures.data.filter((byte) => byte !== 9).length).toBe(12 * faded.length);
  expect(stream(9)).toEqual(mixed);
});

test('the word is put before true captions of clean pictures, in its expected share', () => {
  const stream = worded(clean, 'remember', 0.25, 3);
  let said = 0;
  for (let step = 1; step <= 20; step++) {
    const [mixed, own] = [stream(step), clean(step)];
    expect(mixed.pictures).toEqual(own.pictures);
    expect(mixed.groups).toEqual(own.groups);
    for (const [row, caption] of mixed.captions.entries()) {
      if (caption === own.captions[row]) continue;
      expect(caption).toBe(`remember ${own.captions[row]}`);
      said++;
    }
  }
  // A quarter of 1,280; a standard deviation of 16.
  expect(Math.abs(said - 320)).toBeLessThan(70);
  expect(stream(9)).toEqual(stream(9));
});
