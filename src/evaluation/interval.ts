/** @file How sure a measured share is: Wilson's interval, which counts drawings where pictures are views of the same few. */

/** A share counted on a sample: `hits` of `of` pictures. */
export interface Proportion {
  readonly hits: number;
  readonly of: number;
  /** Where several pictures are views of one source; left out where every picture is its own. */
  readonly clusters?: Clusters;
}

/** What a sample of views is worth (see `clusters.ts`). */
export interface Clusters {
  /** Different drawings or photographs among the pictures. */
  readonly sources: number;
  /**
   * How many independent pictures would tell as much; not whole. At most the pictures, at least n^2 / sum size_i^2 of n
   * pictures, size_i of each source: that is `sources` where all have equally many views, and less where they have not.
   */
  readonly effective: number;
}

/** Bounds of a share, both in [0, 1]. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** The normal quantile that leaves 2.5 % on either side. */
export const twoSided95 = 1.959963984540054;

/** Wilson's interval at 95 % for a measured share; views of the same drawing do not count as so many pictures. */
export function confidence({ hits, of, clusters }: Proportion): Interval {
  const n = clusters?.effective ?? of;
  return wilson(of === 0 ? 0 : (hits / of) * n, n);
}

/**
 * Wilson's score interval (E. B. Wilson, 1927, JASA 22:209) for `successes` of `n` independent trials, at 95 %
 * confidence unless another normal quantile `z` is given. Unlike the plain normal interval it stays in [0, 1] and has
 * a width at 0 and at n successes, which is where an attack success rate lies. Nothing observed (`n` = 0) excludes nothing.
 */
export function wilson(successes: number, n: number, z = twoSided95): Interval {
  if (n === 0) return { low: 0, high: 1 };
  const share = successes / n;
  const shrink = 1 + (z * z) / n;
  const centre = (share + (z * z) / (2 * n)) / shrink;
  const half = (z / shrink) * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
  // At the ends the bound is the end itself: rounding must not leave 1e-17 there.
  return {
    low: successes === 0 ? 0 : Math.max(0, centre - half),
    high: successes === n ? 1 : Math.min(1, centre + half),
  };
}
