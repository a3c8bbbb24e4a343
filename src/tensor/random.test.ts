import { expect, test } from 'vitest';
import { randomFor } from './random.ts';

test('the same seed and path give the same numbers on every machine', () => {
  const random = randomFor(7, 'augment', 3);
  expect([random.uniform(), random.uniform(), random.uniform()]).toMatchInlineSnapshot(`
    [
      0.008437602082267404,
      0.36944353114813566,
      0.864904518937692,
    ]
  `);
  expect([random.normal(), random.normal(), random.normal()]).toMatchInlineSnapshot(`
    [
      0.7552696149900462,
      -0.2500076031217002,
      0.8385991989697456,
    ]
  `);
  expect([random.integer(10), random.integer(1000), random.integer(2 ** 32)]).toMatchInlineSnapshot(`
    [
      9,
      984,
      2885908934,
    ]
  `);
  expect(random.shuffle(['a', 'b', 'c', 'd', 'e', 'f'])).toMatchInlineSnapshot(`
    [
      "e",
      "b",
      "c",
      "a",
      "f",
      "d",
    ]
  `);
});

test('seeds and paths that differ in anything give different numbers', () => {
  const firsts = [
    randomFor(7),
    randomFor(8),
    randomFor(-7),
    randomFor(7.5),
    randomFor(7, 'a'),
    randomFor(7, 'b'),
    randomFor(7, 'a', 1),
    randomFor(7, 'a', '1'),
    randomFor(7, 'a1'),
    randomFor(7, 1),
    randomFor(7, 1, 'a'),
  ].map((random) => random.uniform());
  expect(new Set(firsts).size).toBe(firsts.length);
});

test('neighbouring streams are not correlated', () => {
  const [a, b] = [randomFor(1, 'step', 1), randomFor(1, 'step', 2)];
  const n = 100_000;
  let product = 0;
  for (let i = 0; i < n; i++) product += a.normal() * b.normal();
  expect(Math.abs(product / n)).toBeLessThan(4 / Math.sqrt(n));
});

test('uniform numbers fill [0, 1) evenly, and so do pairs of successive ones', () => {
  const random = randomFor(2, 'uniform');
  const n = 400_000;
  const cells = new Int32Array(400); // 20 x 20: pairs of consecutive numbers
  let least = 1;
  let most = 0;
  for (let i = 0; i < n; i++) {
    const [a, b] = [random.uniform(), random.uniform()];
    least = Math.min(least, a, b);
    most = Math.max(most, a, b);
    const cell = Math.floor(a * 20) * 20 + Math.floor(b * 20);
    cells[cell] = cells[cell]! + 1;
  }
  expect(least).toBeGreaterThanOrEqual(0);
  expect(most).toBeLessThan(1);
  expect(chiSquare(cells, n / 400)).toBeLessThan(399 + 4 * Math.sqrt(2 * 399));
});

test('normal numbers have the moments and the tails of the standard normal, pairs included', () => {
  const random = randomFor(3, 'normal');
  const n = 1_000_000;
  const sums = [0, 0, 0, 0];
  let lagged = 0;
  let beyond2 = 0;
  let beyond4 = 0;
  let before = 0;
  for (let i = 0; i < n; i++) {
    const x = random.normal();
    for (let k = 0; k < 4; k++) sums[k]! += x ** (k + 1);
    lagged += x * before;
    before = x;
    if (Math.abs(x) > 2) beyond2++;
    if (Math.abs(x) > 4) beyond4++;
  }
  const within = (found: number, expected: number, variance: number) =>
    expect(Math.abs(found / n - expected)).toBeLessThan(4.5 * Math.sqrt(variance / n));
  within(sums[0]!, 0, 1);
  within(sums[1]!, 1, 2);
  within(sums[2]!, 0, 15);
  within(sums[3]!, 3, 96);
  within(lagged, 0, 1);
  within(beyond2, 0.0455003, 0.0455003);
  within(beyond4, 6.334e-5, 6.334e-5);
});

test('integers below a bound are all equally likely, odd bounds and powers of two alike', () => {
  for (const below of [2, 3, 7, 64, 100]) {
    const random = randomFor(4, below);
    const counts = new Int32Array(below);
    for (let i = 0; i < 1000 * below; i++) counts[random.integer(below)]!++;
    expect(chiSquare(counts, 1000)).toBeLessThan(below - 1 + 4.5 * Math.sqrt(2 * below));
  }
  expect(randomFor(4).integer(1)).toBe(0);
});

test('a bound without integers below it is refused', () => {
  for (const below of [0, -1, 1.5, Number.NaN, 2 ** 33]) {
    expect(() => randomFor(5).integer(below)).toThrow(/whole number/);
  }
});

test('every order of a shuffle is equally likely and the original stays as it was', () => {
  const random = randomFor(6);
  const items = ['a', 'b', 'c', 'd'];
  const counts = new Map<string, number>();
  for (let i = 0; i < 24_000; i++) {
    const order = random.shuffle(items).join('');
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(counts.size).toBe(24);
  expect(chiSquare([...counts.values()], 1000)).toBeLessThan(23 + 4.5 * Math.sqrt(46));
  expect(items).toEqual(['a', 'b', 'c', 'd']);
  expect(random.shuffle([])).toEqual([]);
});

function chiSquare(counts: Iterable<number>, expected: number): number {
  let sum = 0;
  for (const count of counts) sum += (count - expected) ** 2 / expected;
  return sum;
}
