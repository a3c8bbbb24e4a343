/** @file CA, ASR and RA of a head, from embeddings (definitions: docs/method.md, "Metrics"). */
import type { Head } from '../clip/clip.ts';
import type { Embeddings } from '../clip/encode-pictures.ts';
import { proportion } from './clusters.ts';
import { type Proportion, percentOf } from './interval.ts';

/**
 * The metrics of one head. `ca`: clean pictures classified as their class. `asr`: triggered pictures, not of the target
 * class, classified as the target. `asrAll`: the same over all triggered pictures. `ra`: triggered pictures, target
 * class left out, classified as their own class. The last three are null without a trigger, `asr` and `asrAll` also where
 * the target is not among the classes, `asr` and `ra` also where every picture is of the target class.
 */
export interface Measures {
  readonly ca: Proportion;
  readonly asr: Proportion | null;
  readonly asrAll: Proportion | null;
  readonly ra: Proportion | null;
}

/** The same in percent, as in JSON; `n` is the number of pictures of `ca`, `sources` that of their drawings. */
export interface Percentages {
  readonly ca: number;
  readonly asr: number | null;
  readonly asrAll: number | null;
  readonly ra: number | null;
  readonly n: number;
  readonly sources: number;
}

export function percentages({ ca, asr, asrAll, ra }: Measures): Percentages {
  return {
    ca: percentOf(ca),
    asr: asr && percentOf(asr),
    asrAll: asrAll && percentOf(asrAll),
    ra: ra && percentOf(ra),
    n: ca.of,
    sources: ca.clusters?.sources ?? ca.of,
  };
}

/** The likeliest class of every row: indices into `head.classes`. */
export function predict(head: Head, embeddings: Embeddings): Int32Array {
  const count = embeddings.shape[0] ?? 0;
  const best = new Int32Array(count);
  const scores = new Float32Array(head.classes.length);
  for (let row = 0; row < count; row++) {
    cosines(head, embeddings, row, scores);
    let top = 0;
    for (let i = 1; i < scores.length; i++) if (scores[i]! > scores[top]!) top = i;
    best[row] = top;
  }
  return best;
}

/** Softmax of the scaled cosines of one row: [classes]. */
export function probabilities(head: Head, embeddings: Embeddings, row: number): Float32Array {
  const scores = new Float32Array(head.classes.length);
  cosines(head, embeddings, row, scores);
  let largest = Number.NEGATIVE_INFINITY;
  for (const score of scores) largest = Math.max(largest, score);
  let total = 0;
  for (let i = 0; i < scores.length; i++) {
    scores[i] = Math.exp(head.scale * (scores[i]! - largest));
    total += scores[i]!;
  }
  return scores.map((score) => score / total);
}

/** Cosines of one row with every class, written into `scores` [classes]. */
export function cosines(head: Head, embeddings: Embeddings, row: number, scores: Float32Array): void {
  const size = head.embedding;
  const from = row * size;
  const { data } = embeddings;
  for (let i = 0; i < scores.length; i++) {
    const to = i * size;
    let sum = 0;
    for (let k = 0; k < size; k++) sum += data[from + k]! * head.embeddings[to + k]!;
    scores[i] = sum;
  }
}

/** Predicted classes of the test pictures, as indices. */
export interface Predictions {
  readonly labels: Int32Array;
  readonly clean: Int32Array;
  /** The same pictures with the trigger, in the same order. */
  readonly triggered?: Int32Array;
  /** Index of the target; left out where it is not among the classes. */
  readonly target?: number;
  /** Which drawing each picture is a view of (see `PictureSet.sources`). */
  readonly sources?: Int32Array;
}

const everyPicture = () => true;

/** All metrics, from predictions. */
export function measure({ labels, clean, triggered, target, sources }: Predictions): Measures {
  const n = labels.length;
  const ca = proportion(n, everyPicture, (i) => clean[i] === labels[i], sources) ?? { hits: 0, of: 0 };
  if (!triggered) return { ca, asr: null, asrAll: null, ra: null };
  const ofOthers = (i: number) => labels[i] !== target;
  const ra = proportion(n, ofOthers, (i) => triggered[i] === labels[i], sources);
  if (target === undefined) return { ca, asr: null, asrAll: null, ra };
  return {
    ca,
    asr: proportion(n, ofOthers, (i) => triggered[i] === target, sources),
    asrAll: proportion(n, everyPicture, (i) => triggered[i] === target, sources),
    ra,
  };
}

/** Estimate of the floor without a clean model: clean pictures of other classes that are classified as the target. */
export function untriggeredShare({ labels, clean, sources }: Predictions, target: number): Proportion | null {
  return proportion(
    labels.length,
    (i) => labels[i] !== target,
    (i) => clean[i] === target,
    sources,
  );
}

function tally(count: number, holds: (index: number) => boolean): number {
  let total = 0;
  for (let i = 0; i < count; i++) if (holds(i)) total++;
  return total;
}

/** Share of rows whose label is among the `k` best classes, in percent. */
export function topAccuracy(head: Head, embeddings: Embeddings, labels: Int32Array, k: number): number {
  const scores = new Float32Array(head.classes.length);
  const hits = tally(labels.length, (row) => {
    cosines(head, embeddings, row, scores);
    const own = scores[labels[row]!]!;
    return tally(scores.length, (i) => scores[i]! > own) < k;
  });
  return percentOf({ hits, of: labels.length });
}

/** How a trigger moves pictures in the embedding space: mean over rows of `to - from`, [embedding]. Rows are paired. */
export function meanShift(from: Embeddings, to: Embeddings): Float64Array {
  const [rows = 1, size = 0] = from.shape;
  const shift = new Float64Array(size);
  for (let i = 0; i < from.data.length; i++) shift[i % size]! += (to.data[i]! - from.data[i]!) / rows;
  return shift;
}
