/** @file Counting pictures that are views of fewer drawings: views of a drawing agree, so their effective number is smaller. */
import type { Proportion } from './interval.ts';

/** A property of a picture, by its position. */
export type Holds = (position: number) => boolean;

/**
 * The share of hits `among` some pictures; null where there are no such pictures.
 *
 * @param sources the drawing that each picture is a view of; by default every picture is its own
 */
export function proportion(count: number, among: Holds, hit: Holds, sources?: Int32Array): Proportion | null {
  const clusters = new Map<number, Cluster>();
  let [of, hits] = [0, 0];
  for (let position = 0; position < count; position++) {
    if (!among(position)) continue;
    const success = hit(position) ? 1 : 0;
    of++;
    hits += success;
    if (!sources) continue;
    const source = sources[position]!;
    const cluster = clusters.get(source) ?? { size: 0, hits: 0 };
    clusters.set(source, { size: cluster.size + 1, hits: cluster.hits + success });
  }
  if (of === 0) return null;
  if (!sources) return { hits, of };
  return { hits, of, clusters: { sources: clusters.size, effective: effectiveNumber([...clusters.values()]) } };
}

/** The pictures of one source. */
export interface Cluster {
  readonly size: number;
  readonly hits: number;
}

/**
 * Drawings that always hit, and the same number that never do, added before the design effect is estimated: Agresti and
 * Coull (1998, The American Statistician 52:119) add two successes and two failures. Rare hits do not show whether views
 * agree, and without this one hit would look more certain than none.
 */
const addedToEitherSide = 2;

/**
 * Number of independent pictures with the same information as these clusters: the number of pictures over the design
 * effect (Kish 1965, *Survey Sampling*), the variance of the share between clusters over that of independent pictures,
 *
 *     deff = [c / (c - 1) * sum (hits_i - p size_i)^2] / [n p (1 - p)],
 *
 * on the clusters and a few added ones. At most the number of pictures (views that happen to disagree are no gain), and
 * at least n^2 / sum size_i^2, its value if all views of a drawing agree: the number of drawings where all have equally
 * many views.
 */
export function effectiveNumber(clusters: readonly Cluster[]): number {
  const total = (value: (cluster: Cluster) => number, of = clusters) => of.reduce((sum, one) => sum + value(one), 0);
  const n = total(({ size }) => size);
  const least = n ** 2 / total(({ size }) => size ** 2);
  const size = n / clusters.length;
  const added = Array.from({ length: addedToEitherSide }, () => [
    { size, hits: size },
    { size, hits: 0 },
  ]).flat();
  const all = [...clusters, ...added];
  const pictures = total((one) => one.size, all);
  const share = total((one) => one.hits, all) / pictures;
  const between = (total((one) => (one.hits - share * one.size) ** 2, all) * all.length) / (all.length - 1);
  const effect = between / (pictures * share * (1 - share));
  return Math.min(n, Math.max(least, n / effect));
}
