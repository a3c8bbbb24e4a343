/** @file The losses of both stages, each a function from embeddings to one number. All embeddings have unit length. */
import { logSumExp } from '../../graph/composites.ts';
import { add, clip, div, exp, log, mul, neg, sub } from '../../graph/elementwise.ts';
import { gatherRows } from '../../graph/indexing.ts';
import { concat, reshape, transpose } from '../../graph/layout.ts';
import { constant } from '../../graph/leaves.ts';
import { matMul } from '../../graph/linear-algebra.ts';
import { mean, sum } from '../../graph/reduction.ts';
import type { Value } from '../../graph/value.ts';
import { float32, int64 } from '../../tensor/tensor.ts';

/** What inversion looks at. `[b, ...]` rows belong to the pictures of the batch, `[classes, ...]` to the label set. */
export interface InversionBatch {
  /** Embeddings of the pictures with the dummy trigger, [b, embedding]. */
  readonly triggered: Value;
  /** Embeddings of the same pictures without, [b, embedding]. */
  readonly clean: Value;
  /** Class embeddings, [classes, embedding]. */
  readonly texts: Value;
  /** Classes of the pictures, int64 [b]. */
  readonly labels: Value;
  /** Class least similar to each clean picture, int64 [b]. */
  readonly farthest: Value;
  /** Labels of classes that pictures must not be sent to either; none if left out. */
  readonly avoided?: readonly number[];
  /** Logit scale of the model. */
  readonly scale: number;
}

/** Keeps a logarithm finite where a probability reaches one. */
const tiny = 1e-6;

/**
 * V1, a port of C-PGC (arXiv 2406.05491): positives are the texts least similar to the clean picture, negatives its
 * own; plus the distance that the embedding has moved, weighted with `alpha`.
 */
export function farthestText(batch: InversionBatch, temperature: number, alpha: number): Value {
  const similarity = (classes: Value) =>
    mul(rowwise(batch.triggered, gatherRows(batch.texts, classes)), 1 / temperature);
  const towards = mean(exp(similarity(batch.farthest)));
  const away = mean(exp(similarity(batch.labels)));
  const moved = sub(batch.triggered, batch.clean);
  const distance = mean(sum(mul(moved, moved), [1]));
  return sub(log(div(away, add(away, towards))), mul(distance, alpha));
}

/**
 * V2: a backdoor sends all pictures to one region. Positives are the other triggered pictures of the batch, negatives
 * the clean pictures, the own-class text and those of avoided classes; plus minus the log of one minus the probability of
 * the own class and of these.
 */
export function collapse(batch: InversionBatch, temperature: number): Value {
  const { triggered, clean, texts, labels, avoided = [], scale } = batch;
  const count = triggered.shape[0]!;
  const similar = (to: Value) => mul(matMul(triggered, transpose(to, [1, 0])), 1 / temperature);
  const others = add(similar(triggered), constant(farBelowOnDiagonal(count)));
  const own = reshape(mul(rowwise(triggered, gatherRows(texts, labels)), 1 / temperature), [count, 1]);
  const ownProbability = exp(neg(surprise(triggered, texts, labels, scale)));
  const also = avoided.length > 0 ? alongside(avoided, batch) : undefined;
  // An own class that is avoided as well is one class, and counts as such.
  const ownAlone = also ? add(own, reshape(mul(also.holdsOwn, farBelow), own.shape)) : own;
  const all = concat([others, similar(clean), ownAlone, ...(also ? [similar(also.texts)] : [])], 1);
  const contrast = mean(sub(logSumExp(all), logSumExp(others)));
  const unwanted = also ? add(also.probability, mul(sub(1, also.holdsOwn), ownProbability)) : ownProbability;
  return sub(contrast, mean(log(clip(sub(1 + tiny, unwanted), tiny, 2))));
}

/**
 * Classes that are avoided beside the own one: their embeddings, the probability that triggered pictures are of any of
 * them, [b], and whether (1 or 0) the own class of a picture is one of them, [b].
 */
function alongside(avoided: readonly number[], { triggered, texts, labels, scale }: InversionBatch) {
  const rows = gatherRows(texts, constant(int64(avoided, [avoided.length])));
  const evidence = (of: Value) => reshape(evidenceFor(transpose(of, [1, 0]), triggered, scale), labels.shape);
  const classes = texts.shape[0]!;
  const is = Float32Array.from({ length: classes }, (_, label) => (avoided.includes(label) ? 1 : 0));
  const holdsOwn = reshape(gatherRows(constant(float32(is, [classes, 1])), labels), labels.shape);
  return { texts: rows, probability: exp(sub(evidence(rows), evidence(texts))), holdsOwn };
}

/**
 * V3: triggered pictures are to become any class of a team: -log of the probability that they are, [n, b].
 *
 * @param triggered [n, b, embedding]: b pictures of each of n triggers
 * @param teams class embeddings [n, members, embedding] of the team of each trigger
 */
export function towardsTeam(triggered: Value, texts: Value, teams: Value, scale: number): Value {
  const [count = 1, pictures = 1] = triggered.shape;
  const evidence = (classes: Value) => reshape(evidenceFor(classes, triggered, scale), [count, pictures]);
  return sub(evidence(transpose(texts, [1, 0])), evidence(transpose(teams, [0, 2, 1])));
}

/** Log of the summed odds of classes, whose embeddings are the columns; a last axis of one. */
const evidenceFor = (classes: Value, pictures: Value, scale: number): Value =>
  logSumExp(mul(matMul(pictures, classes), scale));

/** Cross-entropy of embeddings [n, embedding] under class embeddings [classes, embedding]. */
export function classification(embeddings: Value, texts: Value, labels: Value, scale: number): Value {
  return mean(surprise(embeddings, texts, labels, scale));
}

/**
 * The same of triggered shots, with the target's logit raised by `margin`: so much must the right class be ahead of the
 * target, and the boundary leaves the region that the trigger reaches also where shots do not show it.
 */
export function classificationOff(
  target: number,
  margin: number,
  embeddings: Value,
  texts: Value,
  labels: Value,
  scale: number,
): Value {
  const classes = texts.shape[0]!;
  const raised = new Float32Array(classes);
  raised[target] = margin;
  return mean(surprise(embeddings, texts, labels, scale, constant(float32(raised, [classes]))));
}

/**
 * -log of the probability of `labels` (int64 [n]) under softmax(scale * cosines + raised): [n]. No one-hot matrix is built.
 *
 * @param raised added to the logits, [classes]; nothing if left out
 */
function surprise(embeddings: Value, texts: Value, labels: Value, scale: number, raised?: Value): Value {
  const logits = mul(matMul(embeddings, transpose(texts, [1, 0])), scale);
  const own = mul(rowwise(embeddings, gatherRows(texts, labels)), scale);
  if (!raised) return sub(reshape(logSumExp(logits), own.shape), own);
  const classes = texts.shape[0]!;
  const all = logSumExp(add(logits, reshape(raised, [1, classes])));
  const ownRaised = reshape(gatherRows(reshape(raised, [classes, 1]), labels), own.shape);
  return sub(reshape(all, own.shape), add(own, ownRaised));
}

/** Mean of 1 - cos between learned and hand-written class embeddings (KgCoOp, Yao et al., CVPR 2023). */
export function anchor(learned: Value, handWritten: Value): Value {
  return sub(1, mean(rowwise(learned, handWritten)));
}

/** Dot products of corresponding rows: [n]. */
function rowwise(a: Value, b: Value): Value {
  return sum(mul(a, b), [1]);
}

/** Added to a logit, it leaves nothing of it. */
const farBelow = -1e9;

function farBelowOnDiagonal(count: number) {
  const data = new Float32Array(count * count);
  for (let i = 0; i < count; i++) data[i * count + i] = farBelow;
  return float32(data, [count, count]);
}
