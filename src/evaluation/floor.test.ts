import { expect, test } from 'vitest';
import { floorOf } from './floor.ts';
import { measure } from './metrics.ts';

const labels = Int32Array.of(0, 0, 1, 2);
const undefended = { labels, clean: Int32Array.of(0, 1, 1, 2), triggered: Int32Array.of(1, 1, 1, 1), target: 1 };

test('the floor is the ASR of the model before poisoning', () => {
  const clean = measure({ labels, clean: labels, triggered: Int32Array.of(1, 1, 1, 2), target: 1 });
  expect(floorOf(clean, undefended)).toEqual({ asr: { hits: 2, of: 3 }, from: 'the model before poisoning' });
});

test('without that model, it is the share of clean pictures classified as the target', () => {
  expect(floorOf(null, undefended)).toEqual({ asr: { hits: 1, of: 3 }, from: 'pictures without the trigger' });
});

test('without a target among the classes, and without pictures of other classes, there is no floor', () => {
  const { target, ...untargeted } = undefended;
  expect(floorOf(measure(untargeted), untargeted)).toBeNull();
  const own = Int32Array.of(target, target);
  expect(floorOf(null, { labels: own, clean: own, target })).toBeNull();
});
