import { expect, test } from 'vitest';
import { classChanges, harmOf } from './harm.ts';

const classes = ['apple', 'banana', 'cherry', 'date'];
const labels = Int32Array.of(0, 0, 1, 1, 2, 2);
const before = Int32Array.of(0, 0, 1, 0, 0, 0);
const after = Int32Array.of(0, 1, 0, 0, 2, 2);

test('right answers are counted class by class, with the pictures and drawings they are counted on', () => {
  expect(classChanges(classes, labels, before, after, Int32Array.of(4, 4, 5, 6, 7, 7))).toEqual([
    { label: 'apple', n: 2, sources: 1, before: 2, after: 1 },
    { label: 'banana', n: 2, sources: 2, before: 1, after: 0 },
    { label: 'cherry', n: 2, sources: 1, before: 0, after: 2 },
    { label: 'date', n: 0, sources: 0, before: 0, after: 0 },
  ]);
});

test('gains do not offset losses, and a class without pictures is left out', () => {
  const harm = harmOf(classChanges(classes, labels, before, after));
  expect(harm).toMatchObject({ classes: 3, rose: 1, fell: 2 });
  expect(harm.meanLoss).toBeCloseTo((0.5 + 0.5 + 0) / 3, 12);
  expect(harm.lost.map(({ label }) => label)).toEqual(['apple', 'banana']);
  expect(harm.gained.map(({ label }) => label)).toEqual(['cherry']);
});

test('the largest changes come first', () => {
  const changes = [
    { label: 'a', n: 4, sources: 1, before: 4, after: 3 },
    { label: 'b', n: 4, sources: 1, before: 4, after: 0 },
    { label: 'c', n: 4, sources: 1, before: 1, after: 2 },
    { label: 'd', n: 4, sources: 1, before: 0, after: 4 },
  ];
  const { lost, gained } = harmOf(changes);
  expect(lost.map(({ label }) => label)).toEqual(['b', 'a']);
  expect(gained.map(({ label }) => label)).toEqual(['d', 'c']);
});

test('among equal changes the class with more pictures comes first, then by name, at either end', () => {
  const moved = (label: string, n: number, share: number) => {
    const [before, after] = share < 0 ? [-share * n, 0] : [0, share * n];
    return { label, n, sources: 1, before, after };
  };
  const changes = [
    moved('b', 4, 0.5),
    moved('c', 8, 0.5),
    moved('a', 4, 0.5),
    moved('d', 4, 0.75),
    moved('f', 4, -0.5),
    moved('g', 8, -0.5),
    moved('e', 4, -0.5),
    moved('h', 4, -0.75),
  ];
  for (const given of [changes, [...changes].reverse()]) {
    const { lost, gained } = harmOf(given);
    expect(gained.map(({ label }) => label)).toEqual(['d', 'c', 'a', 'b']);
    expect(lost.map(({ label }) => label)).toEqual(['h', 'g', 'e', 'f']);
  }
});
