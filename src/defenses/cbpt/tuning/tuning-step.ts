/** @file One step of prompt tuning: the three losses over class embeddings, their sum, Adam on the contexts. */
import type { Clip, Head } from '../../../clip/clip.ts';
import { add, mul } from '../../../graph/elementwise.ts';
import { gradients } from '../../../graph/gradients.ts';
import type { Graph } from '../../../graph/graph.ts';
import { constant, input } from '../../../graph/leaves.ts';
import type { Value } from '../../../graph/value.ts';
import { float32, type Shape } from '../../../tensor/tensor.ts';
import { adam } from '../../../training/adam.ts';
import { type ClassBatch, classLoss } from '../../class-loss.ts';
import type { LabelledFeatures } from '../../views.ts';
import type { TriggeredShots } from '../inversion/triggered-shots.ts';
import { anchor } from '../losses.ts';
import { classEmbeddings, type Frame } from './frame.ts';

/** Frozen features that prompts are tuned on. */
export interface Features {
  /** The shots, followed by further views of them. */
  readonly clean: LabelledFeatures;
  /** Shots with each trigger. */
  readonly triggered: readonly TriggeredShots[];
}

/** Weights of the clean, triggered and anchor losses. */
export interface LossWeights {
  readonly cleanWeight: number;
  readonly triggeredWeight: number;
  readonly anchorWeight: number;
  /**
   * Margin by which the right class must beat the target on triggered shots, in logits. It moves the decision boundary out
   * of the region that the trigger reaches, also where the shots do not show it.
   */
  readonly margin: number;
}

/** The ingredients of a step. */
export interface TuningStep {
  readonly clip: Clip;
  readonly frame: Frame;
  /** Shape of the tuned contexts: [classes, M, width], or [1, M, width] where all classes share one. */
  readonly contexts: Shape;
  /** The classes, and the head that the anchor loss keeps close to. */
  readonly handWritten: Head;
  /** Shots in one step. */
  readonly batch: number;
  /** For each trigger the number of shots with it in one step, and its target. */
  readonly triggered: readonly { readonly rows: number; readonly target: number }[];
  readonly weights: LossWeights;
}

/** The loss that is minimised, and its recorded parts. */
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
 * The losses of learned class embeddings [classes, embedding] on the fed batch: `clean`, `clean.labels`, `triggered.0`,
 * `triggered.0.labels`, ...
 */
export function tuningLosses({ handWritten, triggered, batch, weights }: TuningStep, learned: Value): TuningLosses {
  const { embedding, scale, classes } = handWritten;
  const fed = (name: string, rows: number): ClassBatch => ({
    embeddings: input(name, [rows, embedding]),
    texts: learned,
    labels: input(`${name}.labels`, [rows], 'int64'),
    scale,
  });
  const cleanLoss = classLoss(fed('clean', batch));
  const losses = triggered.map(({ rows, target }, i) =>
    classLoss(fed(`triggered.${i}`, rows), { against: target, margin: weights.margin }),
  );
  const triggeredLoss = losses.length === 0 ? constant(0) : mul(losses.reduce(add), 1 / losses.length);
  const anchorLoss = anchor(learned, constant(float32(handWritten.embeddings, [classes.length, embedding])));
  const total = add(
    add(mul(cleanLoss, weights.cleanWeight), mul(triggeredLoss, weights.triggeredWeight)),
    mul(anchorLoss, weights.anchorWeight),
  );
  return { loss: total, cleanLoss, triggeredLoss, anchorLoss };
}
