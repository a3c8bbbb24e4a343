/** @file The losses of CBPT's two stages, functions of unit embeddings. `class-loss.ts` has the classification loss. */
import { logSumExp } from '../../graph/composites.ts';
import { add, clip, div, exp, log, mul, neg, stopGradient, sub } from '../../graph/elementwise.ts';
import { gatherRows } from '../../graph/indexing.ts';
import { concat, reshape, transpose } from '../../graph/layout.ts';
import { constant } from '../../graph/leaves.ts';
import { matMul } from '../../graph/linear-algebra.ts';
import { mean, softmax, sum } from '../../graph/reduction.ts';
import type { Value } from '../../graph/value.ts';
import { float32, int64 } from '../../tensor/tensor.ts';
import { negativeLogLikelihood, rowDots } from '../class-loss.ts';

/** The batch of an inversion step. `[b, ...]` rows belong to its pictures, `[classes, ...]` to the label set. */
export interface InversionBatch {
  /** Embeddings of the pictures with the dummy trigger, [b, embedding]. */
  readonly triggered: Value;
  /** Embeddings of the same pictures without it, [b, embedding]. */
  readonly clean: Value;
  /** Class embeddings, [classes, embedding]. */
  readonly texts: Value;
  /** Classes of the pictures, int64 [b]. */
  readonly labels: Value;
  /** Class least similar to each clean picture, int64 [b]. */
  readonly farthest: Value;
  /** Labels of further classes that pictures must not be sent to; none if left out. */
  readonly avoided?: readonly number[];
  /** Logit scale of the model. */
  readonly scale: number;
}

/** Keeps a logarithm finite where a probability reaches one. */
const tiny = 1e-6;

/**
 * V1, a port of C-PGC (arXiv 2406.05491): positives are the texts least similar to the clean picture, negatives its own
 * texts. The squared distance that the embedding moves is rewarded with weight `alpha`.
 */
export function farthestText(batch: InversionBatch, temperature: number, alpha: number): Value {
  const similarity = (classes: Value) =>
    mul(rowDots(batch.triggered, gatherRows(batch.texts, classes)), 1 / temperature);
  const towards = mean(exp(similarity(batch.farthest)));
  const away = mean(exp(similarity(batch.labels)));
  const moved = sub(batch.triggered, batch.clean);
  const distance = mean(sum(mul(moved, moved), [1]));
  return sub(log(div(away, add(away, towards))), mul(distance, alpha));
}

/**
 * V2: a backdoor sends all pictures to one region. Positives are the other triggered pictures of the batch; negatives are
 * the clean pictures and the texts of unwanted classes. A second, weighted term is -log of one minus the probability of
 * unwanted classes.
 */
export function collapse(batch: InversionBatch, temperature: number): Value {
  const { triggered, clean } = batch;
  const similar = (to: Value) => mul(matMul(triggered, transpose(to, [1, 0])), 1 / temperature);
  const others = add(similar(triggered), constant(maskedDiagonal(triggered.shape[0]!)));
  const unwanted = unwantedClasses(batch, temperature, similar);
  const all = concat([others, similar(clean), ...unwanted.similarities], 1);
  const contrast = mean(sub(logSumExp(all), logSumExp(others)));
  return sub(contrast, mean(mul(unwanted.weight, log(clip(sub(1 + tiny, unwanted.probability), tiny, 2)))));
}

/**
 * Where pictures must not be sent: each to its own class, all to the avoided ones. The weight, [b], is the share of the
 * batch that goes elsewhere than to the picture's own class, for the avoided classes as well: the target's own pictures, a
 * tenth of all among ten classes, would otherwise keep a trigger from the target. An own class that is also an avoided one
 * counts once, and in full.
 */
function unwantedClasses(batch: InversionBatch, temperature: number, similar: (to: Value) => Value) {
  const { triggered, texts, labels, avoided = [], scale } = batch;
  const own = reshape(mul(rowDots(triggered, gatherRows(texts, labels)), 1 / temperature), [labels.shape[0]!, 1]);
  const ownProbability = exp(neg(negativeLogLikelihood({ embeddings: triggered, texts, labels, scale })));
  const stays = stopGradient(shareAtOwn(batch));
  if (avoided.length === 0) return { similarities: [own], probability: ownProbability, weight: sub(1, stays) };
  const also = avoidedClasses(avoided, batch);
  const isOther = sub(1, also.includesOwn);
  return {
    similarities: [add(own, reshape(mul(also.includesOwn, masked), own.shape)), similar(also.texts)],
    probability: add(also.probability, mul(isOther, ownProbability)),
    weight: sub(1, mul(isOther, stays)),
  };
}

/** For each picture the mean probability, over the triggered batch, of its own class, [b]. */
function shareAtOwn({ triggered, texts, labels, scale }: InversionBatch): Value {
  const probabilities = softmax(mul(matMul(triggered, transpose(texts, [1, 0])), scale));
  const shares = reshape(mean(probabilities, [0]), [texts.shape[0]!, 1]);
  return reshape(gatherRows(shares, labels), labels.shape);
}

/**
 * The avoided classes: their embeddings, their total probability for each triggered picture, [b], and whether (1 or 0)
 * they include the picture's own class, [b].
 */
function avoidedClasses(avoided: readonly number[], { triggered, texts, labels, scale }: InversionBatch) {
  const rows = gatherRows(texts, constant(int64(avoided, [avoided.length])));
  const oddsOf = (classes: Value) => reshape(logOdds(transpose(classes, [1, 0]), triggered, scale), labels.shape);
  const classes = texts.shape[0]!;
  const isAvoided = Float32Array.from({ length: classes }, (_, label) => (avoided.includes(label) ? 1 : 0));
  const includesOwn = reshape(gatherRows(constant(float32(isAvoided, [classes, 1])), labels), labels.shape);
  return { texts: rows, probability: exp(sub(oddsOf(rows), oddsOf(texts))), includesOwn };
}

/** Pictures with several triggers, each of which has a team of classes to reach. */
export interface TeamBatch {
  /** b pictures with each of n triggers, [n, b, embedding]. */
  readonly triggered: Value;
  /** Class embeddings, [classes, embedding]. */
  readonly texts: Value;
  /** Class embeddings of each trigger's team, [n, members, embedding]. */
  readonly teams: Value;
  /** Logit scale of the model. */
  readonly scale: number;
}

/** V3: -log of the probability that a triggered picture is of any class of the team, [n, b]. */
export function towardsTeam({ triggered, texts, teams, scale }: TeamBatch): Value {
  const [count = 1, pictures = 1] = triggered.shape;
  const oddsOf = (classes: Value) => reshape(logOdds(classes, triggered, scale), [count, pictures]);
  return sub(oddsOf(transpose(texts, [1, 0])), oddsOf(transpose(teams, [0, 2, 1])));
}

/** Log of the summed odds of the classes whose embeddings are the columns; its last axis has size one. */
const logOdds = (classes: Value, pictures: Value, scale: number): Value =>
  logSumExp(mul(matMul(pictures, classes), scale));

/** Mean of 1 - cos between learned and hand-written class embeddings (KgCoOp, Yao et al., CVPR 2023). */
export function anchor(learned: Value, handWritten: Value): Value {
  return sub(1, mean(rowDots(learned, handWritten)));
}

/** Added to a logit, it removes the logit from a softmax. */
const masked = -1e9;

function maskedDiagonal(count: number) {
  const data = new Float32Array(count * count);
  for (let i = 0; i < count; i++) data[i * count + i] = masked;
  return float32(data, [count, count]);
}
