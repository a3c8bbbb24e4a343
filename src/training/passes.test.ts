import { expect, test } from 'vitest';
import { inPasses } from './passes.ts';

test('every item is seen once a pass, but for what is left over at its end', () => {
  const order = inPasses(10, 3, 1);
  for (let pass = 0; pass < 4; pass++) {
    const seen = [1, 2, 3].flatMap((step) => order(3 * pass + step));
    expect(seen).toHaveLength(9);
    expect(new Set(seen).size).toBe(9);
  }
  expect(order(1)).not.toEqual(order(4));
});

test('a step is the same in whatever order steps are asked for, and another with another seed', () => {
  const forward = inPasses(20, 5, 3);
  const all = Array.from({ length: 12 }, (_, i) => forward(i + 1));
  const backward = inPasses(20, 5, 3);
  for (let step = 12; step >= 1; step--) expect(backward(step)).toEqual(all[step - 1]);
  expect(inPasses(20, 5, 4)(1)).not.toEqual(all[0]);
});

test('a batch as large as the data holds all of it in every step', () => {
  const order = inPasses(4, 4, 1);
  for (let step = 1; step <= 5; step++) expect([...order(step)].sort()).toEqual([0, 1, 2, 3]);
});
