/** @file Shots: which pictures are drawn, and wrong labels. */
import { expect, test } from 'vitest';
import { chooseShots, mislabelled } from './few-shot.ts';

test('the shots of a class depend only on the seed, not on the other classes; a small class gives all it has', () => {
  const labels = Int32Array.from({ length: 60 }, (_, i) => (i < 50 ? i % 2 : 2));
  const pool = { name: 'data', classes: ['a', 'b', 'c'], labels };
  const shots = chooseShots(pool, { perClass: 16, seed: 1 });
  expect([0, 1, 2].map((label) => shots.filter((position) => labels[position] === label).length)).toEqual([16, 16, 10]);
  expect(new Set(shots).size).toBe(shots.length);
  const fewer = { name: 'data', classes: ['a', 'b'], labels: labels.filter((label) => label < 2) };
  expect(chooseShots(fewer, { perClass: 16, seed: 1 })).toEqual(shots.slice(0, 32));
  expect(chooseShots(pool, { perClass: 16, seed: 2 })).not.toEqual(shots);
});

test.each([undefined, 'coop'] as const)(
  'zero shots, and a class without pictures, are refused under the rule %s',
  (rule) => {
    const labels = Int32Array.of(0, 1, 2);
    const pool = { name: 'data', classes: ['a', 'b', 'c', 'd'], labels, ...(rule && { shotRule: rule }) };
    expect(() => chooseShots(pool, { perClass: 1, seed: 1 })).toThrow(/data: found no picture of "d"/);
    expect(() => chooseShots(pool, { perClass: 0, seed: 1 })).toThrow(/--shots: found 0/);
  },
);

test('exactly the given share of labels is wrong, and the pictures are unchanged', () => {
  const labels = Int32Array.from({ length: 60 }, (_, i) => i % 3);
  const read = async () => ({ dtype: 'uint8' as const, shape: [0, 3, 1, 1], data: new Uint8Array(0) });
  const set = { name: 'any', classes: ['a', 'b', 'c'], labels, size: 1, hash: '0', read };
  const careless = mislabelled(set, 0.1, 1);
  expect([...careless.labels].filter((label, i) => label !== labels[i])).toHaveLength(6);
  expect(Math.max(...careless.labels)).toBeLessThan(3);
  expect(careless.read).toBe(read);
  expect(careless.hash).not.toBe(set.hash);
  expect(mislabelled(set, 0.1, 1)).toEqual(careless);
  expect(mislabelled(set, 0.1, 2).labels).not.toEqual(careless.labels);
});
