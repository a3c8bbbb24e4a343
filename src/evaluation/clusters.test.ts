/** @file Views of a drawing are not independent pictures: what the counting makes of that. */
import { expect, test } from 'vitest';
import { randomFor } from '../tensor/random.ts';
import { type Cluster, effectiveNumber, proportion } from './clusters.ts';
import { confidence } from './interval.ts';

const everything = () => true;

/** Beta-binomial in the limit that is easy to draw: all views of a drawing copy it with `agreement`, or go alone. */
function drawn(drawings: number, views: number, share: number, agreement: number, seed: number): Cluster[] {
  const random = randomFor(seed, 'clusters');
  return Array.from({ length: drawings }, () => {
    const own = random.uniform() < share;
    let hits = 0;
    for (let view = 0; view < views; view++) {
      const copies = random.uniform() < agreement;
      const alone = random.uniform() < share;
      if (copies ? own : alone) hits++;
    }
    return { size: views, hits };
  });
}

test('the effective number of views that always agree is that of their drawings', () => {
  const clusters = Array.from({ length: 100 }, (_, i) => ({ size: 4, hits: i < 30 ? 4 : 0 }));
  expect(effectiveNumber(clusters)).toBeCloseTo(100, 9);
});

test('the effective number of views that agree by chance is nearly that of the pictures', () => {
  const clusters = drawn(400, 4, 0.5, 0, 1);
  expect(effectiveNumber(clusters)).toBeGreaterThan(1350);
  expect(effectiveNumber(clusters)).toBeLessThanOrEqual(1600);
});

test('the effective number of views that disagree more than by chance is at most that of the pictures', () => {
  const clusters = Array.from({ length: 50 }, () => ({ size: 2, hits: 1 }));
  expect(effectiveNumber(clusters)).toBeLessThanOrEqual(100);
});

test('without hits, and without misses, the effective number is that of drawings', () => {
  for (const hits of [0, 4]) {
    expect(effectiveNumber(Array.from({ length: 99 }, () => ({ size: 4, hits })))).toBeCloseTo(99, 6);
  }
});

test('one hit does not look more certain than none', () => {
  const upper = (hits: number) => {
    const clusters = Array.from({ length: 99 }, (_, i) => ({ size: 4, hits: i < hits ? 1 : 0 }));
    const found = { hits, of: 396, clusters: { sources: 99, effective: effectiveNumber(clusters) } };
    return confidence(found).high;
  };
  for (let hits = 0; hits < 40; hits++) expect(upper(hits + 1)).toBeGreaterThan(upper(hits));
});

test('drawings of unequal size count by Kish: where views agree, a large one counts no more than a small one', () => {
  const clusters = [
    { size: 10, hits: 10 },
    { size: 1, hits: 0 },
    { size: 1, hits: 1 },
  ];
  expect(effectiveNumber(clusters)).toBeGreaterThanOrEqual(144 / 102 - 1e-9);
  expect(effectiveNumber(clusters)).toBeLessThanOrEqual(12);
});

test('one view of every drawing gives the interval of independent pictures, whatever the share', () => {
  for (const hits of [0, 1, 7, 50, 100]) {
    const clusters = Array.from({ length: 100 }, (_, i) => ({ size: 1, hits: i < hits ? 1 : 0 }));
    expect(effectiveNumber(clusters)).toBeCloseTo(100, 9);
  }
});

// With 4 views of 100 drawings. Independent counting covers only about 67 % where all views agree.
test.each([
  [0.5, 0],
  [0.5, 0.7],
  [0.5, 1],
  [0.1, 0.5],
  [0.1, 1],
  [0.02, 0],
  [0.02, 0.9],
])('the interval holds the true share %f in at least 93 of 100 samples, views agreeing by %f', (share, agreement) => {
  const rounds = 2000;
  let held = 0;
  for (let seed = 0; seed < rounds; seed++) {
    const clusters = drawn(100, 4, share, agreement, seed);
    const hits = clusters.reduce((sum, cluster) => sum + cluster.hits, 0);
    const { low, high } = confidence({
      hits,
      of: 400,
      clusters: { sources: 100, effective: effectiveNumber(clusters) },
    });
    if (low <= share && share <= high) held++;
  }
  expect(held / rounds).toBeGreaterThan(0.93);
});

test('a proportion counts the selected pictures and their drawings', () => {
  const sources = Int32Array.of(7, 7, 3, 3, 9, 9);
  const hit = [true, true, false, false, true, false];
  const all = proportion(6, everything, (i) => hit[i]!, sources);
  expect(all).toMatchObject({ hits: 3, of: 6, clusters: { sources: 3 } });
  const some = proportion(
    6,
    (i) => i < 4,
    (i) => hit[i]!,
    sources,
  );
  expect(some).toMatchObject({ hits: 2, of: 4, clusters: { sources: 2 } });
  expect(some!.clusters!.effective).toBeCloseTo(2, 9);
  expect(proportion(6, everything, (i) => hit[i]!)).toEqual({ hits: 3, of: 6 });
  expect(proportion(6, () => false, everything, sources)).toBeNull();
});
