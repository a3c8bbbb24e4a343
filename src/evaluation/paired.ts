/** @file Two methods on the same pictures: is one better, and by how much? Drawings are compared, not their views. */
import { type Random, randomFor } from '../tensor/random.ts';
import type { Holds } from './clusters.ts';
import type { Predictions } from './metrics.ts';

/** Two shares over the same pictures. */
export interface PairedComparison {
  /** Pictures, and the drawings they are views of. */
  readonly n: number;
  readonly sources: number;
  /** Pictures that only the first, and only the second, hits: the four-fold table's discordant cells. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  /** Share of the first less that of the second, in [-1, 1]. */
  readonly difference: number;
  /** 95 % bootstrap interval of the difference, drawings resampled. */
  readonly interval: { readonly low: number; readonly high: number };
  /** Two-sided p-value of no difference: exact McNemar, over drawings (see `signFlipTest`). */
  readonly p: number;
}

export interface Pairing {
  readonly count: number;
  /** Pictures that are compared. */
  readonly among: Holds;
  readonly first: Holds;
  readonly second: Holds;
  /** Which drawing each picture is a view of; every picture its own if left out. */
  readonly sources?: Int32Array;
}

/** Resampled test sets behind an interval. */
const resamples = 2000;

/** CA, ASR and RA of two methods on the same pictures; null where one of them was not measured. */
export interface MethodComparison {
  readonly ca: PairedComparison | null;
  readonly asr: PairedComparison | null;
  readonly ra: PairedComparison | null;
}

/** Compares what two methods, heads or whole models, say of the same test pictures in the same order. */
export function compareMethods(first: Predictions, second: Predictions, seed: number): MethodComparison {
  const { labels, sources, target } = first;
  const compare = (among: Holds, a: Holds, b: Holds) =>
    compareShares({ count: labels.length, among, first: a, second: b, ...(sources && { sources }) }, seed);
  const right = (predicted: Int32Array) => (i: number) => predicted[i] === labels[i];
  const ca = compare(() => true, right(first.clean), right(second.clean));
  const [one, other] = [first.triggered, second.triggered];
  if (!one || !other || target === undefined) return { ca, asr: null, ra: null };
  const ofOthers = (i: number) => labels[i] !== target;
  return {
    ca,
    asr: compare(
      ofOthers,
      (i) => one[i] === target,
      (i) => other[i] === target,
    ),
    ra: compare(ofOthers, right(one), right(other)),
  };
}

/** Compares two shares; null where there is no picture to compare on. */
export function compareShares(
  { count, among, first, second, sources }: Pairing,
  seed: number,
): PairedComparison | null {
  const bySource = new Map<number, { size: number; difference: number }>();
  let [n, onlyFirst, onlySecond] = [0, 0, 0];
  for (let position = 0; position < count; position++) {
    if (!among(position)) continue;
    n++;
    const difference = Number(first(position)) - Number(second(position));
    if (difference > 0) onlyFirst++;
    if (difference < 0) onlySecond++;
    const source = sources ? sources[position]! : position;
    const own = bySource.get(source) ?? { size: 0, difference: 0 };
    bySource.set(source, { size: own.size + 1, difference: own.difference + difference });
  }
  if (n === 0) return null;
  const clusters = [...bySource.values()];
  return {
    n,
    sources: clusters.length,
    onlyFirst,
    onlySecond,
    difference: (onlyFirst - onlySecond) / n,
    interval: bootstrap(clusters, randomFor(seed, 'paired-bootstrap')),
    p: signFlipTest(clusters.map(({ difference }) => difference)),
  };
}

/** Percentile interval of the difference of shares (Efron and Tibshirani 1993, chapter 13), drawings drawn with return. */
function bootstrap(clusters: readonly { readonly size: number; readonly difference: number }[], random: Random) {
  const differences = Float64Array.from({ length: resamples }, () => {
    let [size, difference] = [0, 0];
    for (let draw = 0; draw < clusters.length; draw++) {
      const cluster = clusters[random.integer(clusters.length)]!;
      size += cluster.size;
      difference += cluster.difference;
    }
    return difference / size;
  }).sort();
  const at = (share: number) => differences[Math.round(share * (resamples - 1))]!;
  return { low: at(0.025), high: at(0.975) };
}

/**
 * Exact two-sided p-value that whole numbers, one for every drawing, are as likely to have either sign: the share of all
 * sign patterns whose sum is at least as far from zero. Drawings of one picture give 1, 0 or -1, and then this is the
 * exact McNemar test (McNemar 1947, Psychometrika 12:153): a binomial with one half over the discordant pairs. More
 * views only make the numbers larger, never the drawings more.
 */
export function signFlipTest(differences: readonly number[]): number {
  const sizes = differences.map(Math.abs).filter((size) => size > 0);
  const reach = sizes.reduce((sum, size) => sum + size, 0);
  const observed = Math.abs(differences.reduce((sum, difference) => sum + difference, 0));
  // Probability of every sum so far, sums shifted by `reach`.
  let probabilities = new Float64Array(2 * reach + 1);
  probabilities[reach] = 1;
  let seen = 0;
  for (const size of sizes) {
    const next = new Float64Array(2 * reach + 1);
    for (let at = reach - seen; at <= reach + seen; at++) {
      const half = probabilities[at]! / 2;
      if (half === 0) continue;
      next[at - size]! += half;
      next[at + size]! += half;
    }
    probabilities = next;
    seen += size;
  }
  let p = 0;
  probabilities.forEach((probability, at) => {
    if (Math.abs(at - reach) >= observed) p += probability;
  });
  return Math.min(1, p);
}
