/** @file One step of prompt tuning: the three losses over class embeddings, their sum, Adam on the contexts. */
import type { Clip, Head } from '../../../clip/clip.ts';
import type { Embeddings } from '../../../clip/encode-pictures.ts';
import { add, mul } from '../../../graph/elementwise.ts';
import { gradients } from '../../../graph/gradients.ts';
import type { Graph } from '../../../graph/graph.ts';
import { constant, input } from '../../../graph/leaves.ts';
import type { Value } from '../../../graph/value.ts';
import { float32, type Shape } from '../../../tensor/tensor.ts';
import { adam } from '../../../training/adam.ts';
import type { TriggeredShots } from '../inversion/triggered-shots.ts';
import { anchor, classification, classificationOff } from '../losses.ts';
import { classEmbeddings, type Frame } from './frame.ts';

/** Frozen features that tuning sees. */
export interface Features {
  /** The shots, and further views of them, [rows, embedding] */
  readonly clean: Embeddings;
  /** Of every trigger. */
  readonly triggered: readonly TriggeredShots[];
  /** Classes of those rows. */
  readonly labels: Int32Array;
}

/** Weights of the clean, triggered and anchor losses. */
export interface LossWeights {
  readonly cleanWeight: number;
  readonly triggeredWeight: number;
  readonly anchorWeight: number;
  /** How far the right class must be ahead of the target on triggered shots, in logits. */
  readonly margin: number;
}

/** What a step is made of. */
export interface TuningStep {
  readonly clip: Clip;
  readonly frame: Frame;
  /** Of the contexts: [classes, M, width], or [1, M, width] where all classes share one. */
  readonly contexts: Shape;
  /** The classes, and what the anchor holds to. */
  readonly handWritten: Head;
  /** Shots in one step. */
  readonly batch: number;
  /** For each trigger the shots in one step with it, and its target. */
  readonly triggered: readonly { readonly rows: number; readonly target: number }[];
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

/**
 * The losses of learned class embeddings [classes, embedding] on a batch that is fed: `clean`, `clean.labels`,
 * `triggered.0`, `triggered.0.labels`, ...
 */
export function tuningLosses({ handWritten, triggered, batch, weights }: TuningStep, learned: Value): TuningLosses {
  const { embedding, scale, classes } = handWritten;
  const fed = (name: string, rows: number) =>
    [input(name, [rows, embedding]), learned, input(`${name}.labels`, [rows], 'int64'), scale] as const;
  const cleanLoss = classification(...fed('clean', batch));
  const losses = triggered.map(({ rows, target }, i) =>
    classificationOff(target, weights.margin, ...fed(`triggered.${i}`, rows)),
  );
  const triggeredLoss = losses.length === 0 ? constant(0) : mul(losses.reduce(add), 1 / losses.length);
  const anchorLoss = anchor(learned, constant(float32(handWritten.embeddings, [classes.length, embedding])));
  const total = add(
    add(mul(cleanLoss, weights.cleanWeight), mul(triggeredLoss, weights.triggeredWeight)),
    mul(anchorLoss, weights.anchorWeight),
  );
  return { loss: total, cleanLoss, triggeredLoss, anchorLoss };
}
