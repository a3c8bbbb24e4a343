/** @file Classification as a loss: cross-entropy of embeddings under class embeddings, with an optional margin. */
import { logSumExp } from '../graph/composites.ts';
import { add, mul, sub } from '../graph/elementwise.ts';
import { gatherRows } from '../graph/indexing.ts';
import { reshape, transpose } from '../graph/layout.ts';
import { constant } from '../graph/leaves.ts';
import { matMul } from '../graph/linear-algebra.ts';
import { mean, sum } from '../graph/reduction.ts';
import type { Value } from '../graph/value.ts';
import { float32 } from '../tensor/tensor.ts';

/** Labelled embeddings and the classifier that they go through. All embeddings have unit length. */
export interface ClassBatch {
  /** [n, embedding] */
  readonly embeddings: Value;
  /** Class embeddings, [classes, embedding]. */
  readonly texts: Value;
  /** int64 [n] */
  readonly labels: Value;
  /** Logit scale of the model. */
  readonly scale: number;
}

/** A class that the right class must beat by a margin, in logits. */
export interface Margin {
  readonly against: number;
  readonly margin: number;
}

/** Mean cross-entropy. With a margin, the logit of one class is raised by it. */
export function classLoss(batch: ClassBatch, raised?: Margin): Value {
  return mean(negativeLogLikelihood(batch, raised));
}

/** -log of the probability of each row's label under softmax(scale * cosines): [n]. No one-hot matrix is built. */
export function negativeLogLikelihood({ embeddings, texts, labels, scale }: ClassBatch, raised?: Margin): Value {
  const logits = mul(matMul(embeddings, transpose(texts, [1, 0])), scale);
  const own = mul(rowDots(embeddings, gatherRows(texts, labels)), scale);
  if (!raised) return sub(reshape(logSumExp(logits), own.shape), own);
  const classes = texts.shape[0]!;
  const margins = new Float32Array(classes);
  margins[raised.against] = raised.margin;
  const added = constant(float32(margins, [classes]));
  const all = logSumExp(add(logits, reshape(added, [1, classes])));
  const ownRaised = reshape(gatherRows(reshape(added, [classes, 1]), labels), own.shape);
  return sub(reshape(all, own.shape), add(own, ownRaised));
}

/** Dot products of corresponding rows: [n]. */
export function rowDots(a: Value, b: Value): Value {
  return sum(mul(a, b), [1]);
}
