/** @file Confidence of a measured share: Wilson's interval, with the effective number of pictures where they are views of the same drawings. */

/** A share counted on a sample: `hits` of `of` pictures. */
export interface Proportion {
  readonly hits: number;
  readonly of: number;
  /** Where several pictures are views of one source; left out where every picture is its own. */
  readonly clusters?: Clusters;
}

/** From 0 to 100. */
export function percentOf({ hits, of }: Proportion): number {
  return (100 * hits) / of;
}

/** The effective size of a sample of views (see `clusters.ts`). */
export interface Clusters {
  /** Different drawings or photographs among the pictures. */
  readonly sources: number;
  /**
   * Number of independent pictures with the same information; not an integer. At most n, the number of pictures, and at
   * least n^2 / sum size_i^2, size_i of each source: that is `sources` if all have equally many views, less if not.
   */
  readonly effective: number;
}

/** Bounds of a share, both in [0, 1]. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** The normal quantile that leaves 2.5 % on either side. */
const twoSided95 = 1.959963984540054;

/** Wilson's interval at 95 % for a measured share; views of the same drawing count by their effective number. */
export function confidence({ hits, of, clusters }: Proportion): Interval {
  const n = clusters?.effective ?? of;
  return wilson(of === 0 ? 0 : (hits / of) * n, n);
}

/**
 * Wilson's score interval (E. B. Wilson, 1927, JASA 22:209) for `successes` of `n` independent trials, at 95 %
 * confidence unless another normal quantile `z` is given. Unlike the plain normal interval it stays in [0, 1] and has
 * a width at 0 and at n successes, where attack success rates lie. `n` = 0 gives [0, 1].
 */
export function wilson(successes: number, n: number, z = twoSided95): Interval {
  if (n === 0) return { low: 0, high: 1 };
  const share = successes / n;
  const shrink = 1 + (z * z) / n;
  const centre = (share + (z * z) / (2 * n)) / shrink;
  const half = (z / shrink) * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
  // At 0 and n successes the bound is exactly 0 or 1: rounding must not leave 1e-17.
  return {
    low: successes === 0 ? 0 : Math.max(0, centre - half),
    high: successes === n ? 1 : Math.min(1, centre + half),
  };
}
