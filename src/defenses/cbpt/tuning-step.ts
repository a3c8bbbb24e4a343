/** @file One step of prompt tuning: the three losses over class embeddings, their sum, Adam on the contexts. */
import type { Clip, Head } from '../../clip/clip.ts';
import type { Embeddings } from '../../clip/encode.ts';
import { add, mul } from '../../graph/elementwise.ts';
import { gradients } from '../../graph/gradients.ts';
import type { Graph } from '../../graph/graph.ts';
import { constant, input } from '../../graph/leaves.ts';
import type { Value } from '../../graph/value.ts';
import { float32, type Shape } from '../../tensor/tensor.ts';
import { adam } from '../../training/adam.ts';
import { classEmbeddings, type Frame } from './frame.ts';
import { anchor, classification } from './losses.ts';

/** Frozen features that tuning sees. Each triggered set has a row for every shot. */
export interface Features {
  /** [shots, embedding] */
  readonly clean: Embeddings;
  readonly triggered: readonly Embeddings[];
  readonly labels: Int32Array;
}

/** Weight of the clean, triggered and anchor losses. */
export interface LossWeights {
  readonly cleanWeight: number;
  readonly triggeredWeight: number;
  readonly anchorWeight: number;
}

/** What a step is made of. */
export interface TuningStep {
  readonly clip: Clip;
  readonly frame: Frame;
  /** Of the contexts: [classes, M, width], or [1, M, width] where all classes share one. */
  readonly contexts: Shape;
  /** The classes, and what the anchor holds to. */
  readonly handWritten: Head;
  readonly triggeredSets: number;
  /** Shots in one step. */
  readonly batch: number;
  readonly weights: LossWeights;
}

/** The losses that are recorded, and the one that is lowered. */
export interface TuningLosses {
  readonly loss: Value;
  readonly cleanLoss: Value;
  readonly triggeredLoss: Value;
  readonly anchorLoss: Value;
}

/** The whole step as one graph. */
export function wholeStep(step: TuningStep): Graph {
  const contexts = input('contexts', step.contexts);
  const losses = tuningLosses(step, classEmbeddings(step.clip, step.frame, contexts));
  return { outputs: { ...losses }, state: adam(new Map([['contexts', contexts]]), gradients(losses.loss, [contexts])) };
}

/** The losses of learned class embeddings [classes, embedding] on a batch that is fed: `clean`, `triggered.0`, ..., `labels`. */
export function tuningLosses({ handWritten, triggeredSets, batch, weights }: TuningStep, learned: Value): TuningLosses {
  const { embedding, scale, classes } = handWritten;
  const labels = input('labels', [batch], 'int64');
  const loss = (name: string) => classification(input(name, [batch, embedding]), learned, labels, scale);
  const cleanLoss = loss('clean');
  const triggeredLoss =
    triggeredSets === 0
      ? constant(0)
      : mul(Array.from({ length: triggeredSets }, (_, i) => loss(`triggered.${i}`)).reduce(add), 1 / triggeredSets);
  const anchorLoss = anchor(learned, constant(float32(handWritten.embeddings, [classes.length, embedding])));
  const total = add(
    add(mul(cleanLoss, weights.cleanWeight), mul(triggeredLoss, weights.triggeredWeight)),
    mul(anchorLoss, weights.anchorWeight),
  );
  return { loss: total, cleanLoss, triggeredLoss, anchorLoss };
}
