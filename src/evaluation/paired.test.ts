/** @file Paired comparisons against published tables, written-out sums and samples of known truth. */
import { expect, test } from 'vitest';
import { randomFor } from '../tensor/random.ts';
import { compareMethods, compareShares, signFlipTest } from './paired.ts';

const mcnemar = (onlyFirst: number, onlySecond: number) =>
  signFlipTest([...new Array(onlyFirst).fill(1), ...new Array(onlySecond).fill(-1)]);

test('with one picture a drawing it is the exact McNemar test of published tables', () => {
  // One-sided binomial probabilities with one half: Siegel (1956), Nonparametric Statistics, table D.
  const published = [
    [0, 5, 0.031],
    [1, 9, 0.011],
    [2, 10, 0.019],
    [5, 15, 0.021],
    [7, 18, 0.022],
  ] as const;
  for (const [onlyFirst, onlySecond, oneSided] of published) {
    expect(mcnemar(onlyFirst, onlySecond) / 2).toBeCloseTo(oneSided, 3);
    expect(mcnemar(onlySecond, onlyFirst)).toBe(mcnemar(onlyFirst, onlySecond));
  }
});

test('large counts agree with whole-number arithmetic', () => {
  const exact = (few: number, many: number) => {
    const n = few + many;
    let [term, sum] = [1n, 0n];
    for (let k = 0; k <= few; k++) {
      sum += term;
      term = (term * BigInt(n - k)) / BigInt(k + 1);
    }
    return Number((2n * sum * 10n ** 30n) / 2n ** BigInt(n)) / 1e30;
  };
  for (const [few, many] of [
    [86, 150],
    [40, 60],
    [400, 480],
    [23_100, 23_900],
  ] as const) {
    expect(mcnemar(few, many) / exact(few, many)).toBeCloseTo(1, 9);
  }
});

test('the test of unequal numbers agrees with the enumeration of all signs', () => {
  const differences = [4, -1, 3, 2, -2, 0, 1];
  const observed = Math.abs(differences.reduce((sum, x) => sum + x, 0));
  let asFar = 0;
  for (let signs = 0; signs < 128; signs++) {
    const sum = differences.reduce((total, x, i) => total + (signs & (1 << i) ? Math.abs(x) : -Math.abs(x)), 0);
    if (Math.abs(sum) >= observed) asFar++;
  }
  expect(signFlipTest(differences)).toBeCloseTo(asFar / 128, 12);
});

test('numbers of different sizes that are too many to enumerate have the normal tail, with continuity correction', () => {
  const of = (size: number, wins: number, losses: number) => [
    ...new Array<number>(wins).fill(size),
    ...new Array<number>(losses).fill(-size),
  ];
  const others = [2, 3, 4].flatMap((size) => of(size, 3750, 3750));
  // Their sum is 930, its standard deviation the root of 7500 (1 + 4 + 9 + 16): 929 lies 1.95850 of them from zero.
  expect(signFlipTest([...of(1, 4215, 3285), ...others])).toBeCloseTo(0.05017, 4);
  expect(signFlipTest([...of(1, 3285, 4215), ...others])).toBeCloseTo(0.05017, 4);
  expect(signFlipTest([...of(1, 3750, 3750), ...others])).toBe(1);
});

test('without differences p is 1', () => {
  expect(mcnemar(3, 3)).toBe(1);
  expect(signFlipTest([0, 0, 0])).toBe(1);
  expect(signFlipTest([])).toBe(1);
});

test('four equal views are no more evidence than one', () => {
  const wins = [1, 1, 1, 1, 1, -1, 1, 1];
  expect(signFlipTest(wins.map((win) => 4 * win))).toBeCloseTo(signFlipTest(wins), 12);
});

test('a comparison counts pictures, drawings and discordant pairs among the selected pictures', () => {
  const first = [true, true, false, true, false, true];
  const second = [true, false, false, false, true, false];
  const found = compareShares(
    {
      count: 6,
      among: (i) => i < 5,
      first: (i) => first[i]!,
      second: (i) => second[i]!,
      sources: Int32Array.of(0, 0, 1, 1, 2, 2),
    },
    1,
  );
  expect(found).toMatchObject({ n: 5, sources: 3, onlyFirst: 2, onlySecond: 1, difference: 0.2, p: 1 });
  const none = { count: 6, among: () => false, first: () => true, second: () => true };
  expect(compareShares(none, 1)).toBeNull();
});

test('the interval repeats with its seed', () => {
  const random = randomFor(4, 'hits');
  const hits = Array.from({ length: 200 }, () => [random.uniform() < 0.6, random.uniform() < 0.5] as const);
  const pairing = {
    count: 200,
    among: () => true,
    first: (i: number) => hits[i]![0],
    second: (i: number) => hits[i]![1],
  };
  expect(compareShares(pairing, 3)).toEqual(compareShares(pairing, 3));
});

test.each([1, 4])('methods that agree on 99 drawings of %i views may differ on three of a hundred', (views) => {
  const agreeing = { count: 99 * views, among: () => true, first: () => false, second: () => false };
  const sources = Int32Array.from({ length: 99 * views }, (_, i) => Math.floor(i / views));
  const { low, high } = compareShares({ ...agreeing, sources }, 1)!.interval;
  // By the formula of Bonett and Price 1.96 sqrt(2) / 101; drawings that are drawn again come whole.
  for (const bound of [-low, high]) expect(Math.abs(bound - 2.77 / 101)).toBeLessThan(1.5 / 101);
});

/** Width of the interval where the first hits one view of each of so many of 99 drawings, and the second none. */
function widthOf(differing: number, views: number): number {
  const found = compareShares(
    {
      count: 99 * views,
      among: () => true,
      first: (i) => i % views === 0 && i < differing * views,
      second: () => false,
      sources: Int32Array.from({ length: 99 * views }, (_, i) => Math.floor(i / views)),
    },
    1,
  )!;
  return found.interval.high - found.interval.low;
}

test('with one picture a drawing, few differences do not look more certain than none', () => {
  const widths = [0, 4, 16, 64].map((differing) => widthOf(differing, 1));
  expect(widths).toEqual([...widths].sort((a, b) => a - b));
  expect(new Set(widths).size).toBe(4);
});

test.each([4, 84])('with %i pictures a drawing, one that differs makes the interval hardly narrower', (views) => {
  expect(widthOf(1, views)).toBeGreaterThan(0.85 * widthOf(0, views));
  expect(widthOf(2, views)).toBeGreaterThan(0.7 * widthOf(0, views));
});

test('drawings that differ both ways count as drawings that differ', () => {
  const pairing = {
    count: 396,
    among: () => true,
    first: (i: number) => i % 4 === 0,
    second: (i: number) => i % 4 === 1,
    sources: Int32Array.from({ length: 396 }, (_, i) => Math.floor(i / 4)),
  };
  const { difference, interval } = compareShares(pairing, 1)!;
  expect(difference).toBe(0);
  expect(interval.high - interval.low).toBeLessThan(0.2 * widthOf(0, 4));
});

test('drawings of many pictures that each differ in a few: the interval excludes zero where the test does', () => {
  // 84 pictures of each of 100 drawings, as in seven attacks with three seeds; 3.5 points between the methods.
  const random = randomFor(7, 'few of many');
  const differences = Array.from({ length: 100 }, () => Math.round(3 + 8 * (random.uniform() + random.uniform() - 1)));
  const at = (i: number) => ({ difference: differences[Math.floor(i / 84)]!, view: i % 84 });
  const found = compareShares(
    {
      count: 8400,
      among: () => true,
      first: (i) => at(i).view < at(i).difference,
      second: (i) => at(i).view < -at(i).difference,
      sources: Int32Array.from({ length: 8400 }, (_, i) => Math.floor(i / 84)),
    },
    1,
  )!;
  const deviation = Math.sqrt(differences.reduce((sum, one) => sum + (one / 84 - found.difference) ** 2, 0) / 99);
  expect(found.p).toBeLessThan(1e-6);
  expect(found.interval.low).toBeGreaterThan(0);
  expect(found.interval.high - found.interval.low).toBeCloseTo((2 * 1.96 * deviation) / 10, 2);
});

test('the interval holds the true difference in about 95 of 100 samples of drawings with agreeing views', () => {
  const rounds = 300;
  let held = 0;
  for (let seed = 0; seed < rounds; seed++) {
    const random = randomFor(seed, 'sample');
    const hits: [boolean, boolean][] = [];
    for (let drawing = 0; drawing < 80; drawing++) {
      const pair: [boolean, boolean] = [random.uniform() < 0.7, random.uniform() < 0.55];
      for (let view = 0; view < 4; view++)
        hits.push(random.uniform() < 0.8 ? pair : [random.uniform() < 0.7, random.uniform() < 0.55]);
    }
    const found = compareShares(
      {
        count: hits.length,
        among: () => true,
        first: (i) => hits[i]![0],
        second: (i) => hits[i]![1],
        sources: Int32Array.from(hits, (_, i) => Math.floor(i / 4)),
      },
      seed,
    );
    const { low, high } = found!.interval;
    if (low <= 0.15 && 0.15 <= high) held++;
  }
  expect(held / rounds).toBeGreaterThan(0.9);
});

test('methods are compared in each measure, the target class left out of ASR and RA', () => {
  const labels = Int32Array.of(0, 0, 1, 2);
  const target = 1;
  const first = { labels, target, clean: Int32Array.of(0, 0, 1, 2), triggered: Int32Array.of(1, 1, 1, 1) };
  const second = { labels, target, clean: Int32Array.of(0, 2, 1, 2), triggered: Int32Array.of(0, 1, 1, 0) };
  const { ca, asr, ra } = compareMethods(first, second, 1);
  expect(ca).toMatchObject({ n: 4, onlyFirst: 1, onlySecond: 0 });
  expect(asr).toMatchObject({ n: 3, onlyFirst: 2, onlySecond: 0 });
  expect(ra).toMatchObject({ n: 3, onlyFirst: 0, onlySecond: 1 });
  const { labels: same, clean } = second;
  expect(compareMethods(first, { labels: same, clean }, 1)).toMatchObject({ asr: null, ra: null });
});

test('a target that is not among the classes leaves RA to compare, over all pictures', () => {
  const labels = Int32Array.of(0, 0, 1, 2);
  const first = { labels, clean: labels, triggered: Int32Array.of(1, 1, 1, 1) };
  const second = { labels, clean: labels, triggered: Int32Array.of(0, 1, 1, 0) };
  const { asr, ra } = compareMethods(first, second, 1);
  expect(asr).toBeNull();
  expect(ra).toMatchObject({ n: 4, onlyFirst: 0, onlySecond: 1 });
});
