import { expect, test } from 'vitest';
import type { Head } from '../clip/clip.ts';
import { float32 } from '../tensor/tensor.ts';
import { measure, percentages, predict, probabilities, topAccuracy, untriggeredShare } from './metrics.ts';

const head: Head = {
  classes: ['apple', 'banana', 'cherry'],
  embeddings: Float32Array.of(1, 0, 0, 1, -1, 0),
  embedding: 2,
  scale: 10,
};
const rows = float32([0.9, 0.1, 0.1, 0.9, -1, 0, 0.6, 0.5], [4, 2]);

test('a picture is the class of the largest cosine', () => {
  expect([...predict(head, rows)]).toEqual([0, 1, 2, 0]);
});

test('probabilities are the softmax of scaled cosines', () => {
  const shares = probabilities(head, rows, 0);
  const weights = [Math.exp(9), Math.exp(1), Math.exp(-9)];
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  weights.forEach((weight, i) => {
    expect(shares[i]).toBeCloseTo(weight / total, 5);
  });
});

test('ASR and RA leave the target class out, ASR over all does not, CA counts clean pictures', () => {
  const labels = Int32Array.of(0, 0, 1, 2, 2, 2);
  const clean = Int32Array.of(0, 1, 1, 2, 2, 0);
  const triggered = Int32Array.of(1, 1, 1, 2, 1, 0);
  const measures = measure({ labels, clean, triggered, target: 1 });
  expect(measures).toEqual({
    ca: { hits: 4, of: 6 },
    asr: { hits: 3, of: 5 },
    asrAll: { hits: 4, of: 6 },
    ra: { hits: 1, of: 5 },
  });
  expect(percentages(measures)).toMatchObject({ asr: 60, ra: 20, n: 6, sources: 6 });
});

test('every share has the number of its drawings', () => {
  const labels = Int32Array.of(0, 0, 1, 1, 2, 2);
  const sources = Int32Array.of(0, 0, 1, 1, 2, 2);
  const measures = measure({ labels, clean: labels, triggered: Int32Array.of(1, 1, 1, 1, 2, 1), target: 1, sources });
  expect(measures.ca.clusters?.sources).toBe(3);
  expect(measures.asr).toMatchObject({ hits: 3, of: 4, clusters: { sources: 2 } });
  expect(percentages(measures)).toMatchObject({ n: 6, sources: 3 });
});

test('without a clean model the floor is the share of clean pictures classified as the target', () => {
  const labels = Int32Array.of(0, 0, 1, 2);
  const clean = Int32Array.of(0, 1, 1, 2);
  expect(untriggeredShare({ labels, clean }, 1)).toEqual({ hits: 1, of: 3 });
});

test('without a trigger, and without pictures of other classes, there is no ASR', () => {
  const labels = Int32Array.of(1, 1);
  expect(measure({ labels, clean: labels }).asr).toBeNull();
  const measures = measure({ labels, clean: labels, triggered: labels, target: 1 });
  expect(measures).toMatchObject({ asr: null, ra: null, asrAll: { hits: 2, of: 2 } });
});

test('a target that is not among the classes leaves RA, over all pictures, and no ASR', () => {
  const labels = Int32Array.of(0, 1, 2);
  const measures = measure({ labels, clean: labels, triggered: Int32Array.of(0, 1, 1) });
  expect(measures).toMatchObject({ asr: null, asrAll: null, ra: { hits: 2, of: 3 } });
});

test('top-k counts a row whose label has fewer than k better classes', () => {
  expect(topAccuracy(head, rows, Int32Array.of(1, 1, 0, 0), 1)).toBe(50);
  expect(topAccuracy(head, rows, Int32Array.of(1, 1, 0, 0), 2)).toBe(75);
  expect(topAccuracy(head, rows, Int32Array.of(2, 2, 1, 1), 3)).toBe(100);
});
