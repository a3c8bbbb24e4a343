import { expect, test } from 'vitest';
import { randomFor } from '../tensor/random.ts';
import { inEpochs } from './epochs.ts';

const shufflesOf = (seed: number) => (epoch: number) => randomFor(seed, 'pass', epoch);

test('every item is seen once an epoch, except those of an incomplete last batch', () => {
  const order = inEpochs(10, 3, shufflesOf(1));
  for (let epoch = 0; epoch < 4; epoch++) {
    const seen = [1, 2, 3].flatMap((step) => order(3 * epoch + step));
    expect(seen).toHaveLength(9);
    expect(new Set(seen).size).toBe(9);
  }
  expect(order(1)).not.toEqual(order(4));
});

test('a step depends only on its number and the seed, not on the order in which steps are computed', () => {
  const forward = inEpochs(20, 5, shufflesOf(3));
  const all = Array.from({ length: 12 }, (_, i) => forward(i + 1));
  const backward = inEpochs(20, 5, shufflesOf(3));
  for (let step = 12; step >= 1; step--) expect(backward(step)).toEqual(all[step - 1]);
  expect(inEpochs(20, 5, shufflesOf(4))(1)).not.toEqual(all[0]);
});

test('a batch as large as the data holds all items in every step', () => {
  const order = inEpochs(4, 4, shufflesOf(1));
  for (let step = 1; step <= 5; step++) expect([...order(step)].sort()).toEqual([0, 1, 2, 3]);
});
