/** @file Paired comparison of two methods on the same pictures, by drawings, not by their views. */
import { type Random, randomFor } from '../tensor/random.ts';
import type { Holds } from './clusters.ts';
import type { Interval } from './interval.ts';
import type { Predictions } from './metrics.ts';

/** Two shares over the same pictures. */
export interface PairedComparison {
  /** Number of pictures, and of the drawings they are views of. */
  readonly n: number;
  readonly sources: number;
  /** Pictures that only the first, and only the second, hits: the discordant cells of the fourfold table. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  /** Share of the first minus that of the second, in [-1, 1]. */
  readonly difference: number;
  /** 95 % bootstrap interval of the difference, drawings resampled. It has a width even without any difference. */
  readonly interval: Interval;
  /** Two-sided p-value of no difference: McNemar's test, over drawings (see `signFlipTest`). */
  readonly p: number;
}

export interface Pairing {
  readonly count: number;
  /** The compared pictures. */
  readonly among: Holds;
  readonly first: Holds;
  readonly second: Holds;
  /** The drawing that each picture is a view of; by default every picture is its own. */
  readonly sources?: Int32Array;
}

/** Resampled test sets per interval. */
const resamples = 2000;

/**
 * CA, ASR and RA of two methods on the same pictures; the last two are null where one method has no triggered pictures,
 * `asr` also where the target is not among the classes.
 */
export interface MethodComparison {
  readonly ca: PairedComparison | null;
  readonly asr: PairedComparison | null;
  readonly ra: PairedComparison | null;
}

/** Compares the predictions of two methods, heads or whole models, on the same test pictures in the same order. */
export function compareMethods(first: Predictions, second: Predictions, seed: number): MethodComparison {
  const { labels, sources, target } = first;
  const compare = (among: Holds, a: Holds, b: Holds) =>
    compareShares({ count: labels.length, among, first: a, second: b, ...(sources && { sources }) }, seed);
  const right = (predicted: Int32Array) => (i: number) => predicted[i] === labels[i];
  const ca = compare(() => true, right(first.clean), right(second.clean));
  const [one, other] = [first.triggered, second.triggered];
  if (!one || !other) return { ca, asr: null, ra: null };
  const ofOthers = (i: number) => labels[i] !== target;
  const ra = compare(ofOthers, right(one), right(other));
  if (target === undefined) return { ca, asr: null, ra };
  const asr = compare(
    ofOthers,
    (i) => one[i] === target,
    (i) => other[i] === target,
  );
  return { ca, asr, ra };
}

/** Compares two shares; null where there are no pictures to compare. */
export function compareShares(
  { count, among, first, second, sources }: Pairing,
  seed: number,
): PairedComparison | null {
  const bySource = new Map<number, Cluster>();
  let [n, onlyFirst, onlySecond] = [0, 0, 0];
  for (let position = 0; position < count; position++) {
    if (!among(position)) continue;
    n++;
    const difference = Number(first(position)) - Number(second(position));
    if (difference > 0) onlyFirst++;
    if (difference < 0) onlySecond++;
    const source = sources ? sources[position]! : position;
    const own = bySource.get(source) ?? { size: 0, difference: 0, differs: false };
    bySource.set(source, {
      size: own.size + 1,
      difference: own.difference + difference,
      differs: own.differs || difference !== 0,
    });
  }
  if (n === 0) return null;
  const clusters = [...bySource.values()];
  return {
    n,
    sources: clusters.length,
    onlyFirst,
    onlySecond,
    difference: (onlyFirst - onlySecond) / n,
    interval: bootstrap([...clusters, ...addedDrawings(clusters)], randomFor(seed, 'paired-bootstrap')),
    p: signFlipTest(clusters.map(({ difference }) => difference)),
  };
}

/** The pictures of one drawing. */
interface Drawing {
  /** Their number. */
  readonly size: number;
  /** Hits of the first minus those of the second. */
  readonly difference: number;
}

interface Cluster extends Drawing {
  /** Whether there is a picture that only one of the two hits. */
  readonly differs: boolean;
}

/** Imaginary drawings, all of whose pictures differ, that count with the real ones that differ. */
const presumedDrawings = 10;

/**
 * A drawing that the first wins and one that it loses, added before drawings are resampled: Bonett and Price (2012, Journal
 * of Educational and Behavioral Statistics 37:479) add one to either discordant cell. Without them the interval of methods
 * that agree on the sample has no width. How many of their pictures differ is our choice: as large a share as of the
 * drawings that do differ, ten more counted with them that differ in all. Where none differs that is all of them, because
 * methods that never disagree do not show that views are independent; nor do those that disagree on a view or two.
 */
function addedDrawings(clusters: readonly Cluster[]): readonly Drawing[] {
  const size = clusters.reduce((sum, cluster) => sum + cluster.size, 0) / clusters.length;
  const differing = clusters.filter(({ differs }) => differs);
  const share =
    differing.reduce((sum, cluster) => sum + Math.abs(cluster.difference) / cluster.size, presumedDrawings) /
    (differing.length + presumedDrawings);
  return [
    { size, difference: share * size },
    { size, difference: -share * size },
  ];
}

/** Percentile interval of the difference of shares (Efron and Tibshirani 1993, chapter 13), drawings with replacement. */
function bootstrap(clusters: readonly Drawing[], random: Random) {
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

/** Most sums that are enumerated, over all drawings: about a second. */
const mostSums = 1e9;

/**
 * Two-sided p-value of the hypothesis that whole numbers, one per drawing, have either sign with equal probability: the
 * share of all sign patterns whose sum is at least as far from zero. Drawings of one picture give 1, 0 or -1, and then this
 * is the exact McNemar test (McNemar 1947, Psychometrika 12:153): a binomial with one half over the discordant pairs. More
 * views make the numbers larger, but do not add drawings.
 *
 * Exact except for very many numbers of different sizes: with more than {@link mostSums} sums, the sum is approximated by
 * that of ones with the same variance, which is the normal approximation with continuity correction. Matching the variance
 * is our choice.
 */
export function signFlipTest(differences: readonly number[]): number {
  const sizes = differences.map(Math.abs).filter((size) => size > 0);
  const observed = Math.abs(differences.reduce((sum, difference) => sum + difference, 0));
  const [first = 1] = sizes;
  if (sizes.every((size) => size === first)) return flipsOfOnes(sizes.length, observed / first);
  const reach = sizes.reduce((sum, size) => sum + size, 0);
  if (sizes.length * reach <= mostSums) return flipsOf(sizes, reach, observed);
  const variance = sizes.reduce((sum, size) => sum + size ** 2, 0);
  return flipsOfOnes(variance, observed);
}

/** Probability that the sum of `count` ones with random signs is at least `observed` from zero. */
function flipsOfOnes(count: number, observed: number): number {
  let [all, asFar] = [0, 0];
  // Probabilities relative to that of the sum nearest to zero: binomials would leave the range of doubles.
  let likely = 1;
  for (let sum = count % 2; likely > 0; sum += 2) {
    const eitherSide = sum === 0 ? likely : 2 * likely;
    all += eitherSide;
    if (sum >= observed) asFar += eitherSide;
    likely *= (count - sum) / (count + sum + 2);
  }
  return asFar / all;
}

/** The same for numbers of these sizes, with the sum `reach`: the probability of every sum, updated number by number. */
function flipsOf(sizes: readonly number[], reach: number, observed: number): number {
  // Index `reach` is the sum zero.
  let [before, after] = [new Float64Array(2 * reach + 1), new Float64Array(2 * reach + 1)];
  before[reach] = 1;
  let seen = 0;
  for (const size of sizes) {
    after.fill(0, reach - seen - size, reach + seen + size + 1);
    // Sums are all odd or all even.
    for (let at = reach - seen; at <= reach + seen; at += 2) {
      const half = before[at]! / 2;
      after[at - size]! += half;
      after[at + size]! += half;
    }
    [before, after] = [after, before];
    seen += size;
  }
  let p = 0;
  before.forEach((probability, at) => {
    if (Math.abs(at - reach) >= observed) p += probability;
  });
  return Math.min(1, p);
}
