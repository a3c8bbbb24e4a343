/** @file The parameters of each form that is inverted by contrast, and how they change pixels. */
import type { Tensors } from '../../../engine/engine.ts';
import { add, clip } from '../../../graph/elementwise.ts';
import { constant } from '../../../graph/leaves.ts';
import { mean } from '../../../graph/reduction.ts';
import type { Value } from '../../../graph/value.ts';
import type { Random } from '../../../tensor/random.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import type { Trigger } from '../../../triggers/trigger.ts';
import type { InvertedForm } from './forms.ts';
import { bounded, boundedTensors, overlay, startingLogits, uniform } from './mask-pattern.ts';

/** Numbers that shape the forms; the defaults are those of `searchDefaults`. */
export interface FormOptions {
  /** Largest magnitude of an additive trigger, in units of the pixel range. */
  readonly bound: number;
}

export interface Parametrisation {
  /** Start values of the parameters, by name. */
  readonly start: Readonly<Record<string, Tensor<'float32'>>>;
  /** Pixels in [0, 1] with the trigger, and the trigger's size (mean of its mask, in [0, 1]). */
  readonly apply: (parameters: ReadonlyMap<string, Value>, pixels: Value) => { triggered: Value; size: Value };
  /** Keeps parameters in their domain after a step; identity if left out. */
  readonly project?: (next: Value) => Value;
  readonly trigger: (parameters: Tensors) => Trigger;
}

/** For pictures of `side` pixels. */
type Parametrise = (side: number, options: FormOptions, random: Random) => Parametrisation;

/**
 * Half opaque everywhere. A fainter start loses the way to a backdoor: blended in at 12 %, a true trigger has no effect yet,
 * and inversion finds ordinary adversarial colours (docs/ablations.md, "Start"). Colours start far from grey, because a backdoor
 * answers to contrast.
 */
const sparseStart = { mask: 0, spread: 1 };

const sparse: Parametrise = (side, _options, random) => ({
  start: startingLogits(side, sparseStart, random),
  apply: (parameters, pixels) => {
    const { mask, pattern } = bounded(parameters);
    return { triggered: overlay(pixels, mask, pattern), size: mean(mask, [0, 1, 2]) };
  },
  trigger: asTrigger,
});

/**
 * Share of every pixel that a blend replaces. The true trigger of a backdoor that was planted at a half has little effect at
 * this share, but an optimised one works; at a larger share ordinary patterns reach too many pictures (docs/ablations.md,
 * "Blend").
 */
const blendShare = 0.3;

export const parametrisations: Readonly<Record<InvertedForm, Parametrise>> = {
  additive: (side, { bound }, random) => ({
    start: { delta: uniform([3, side, side], bound, random) },
    apply: (parameters, pixels) => {
      const delta = parameters.get('delta')!;
      return { triggered: clip(add(pixels, delta), 0, 1), size: constant(1) };
    },
    project: (delta) => clip(delta, -bound, bound),
    trigger: ({ delta }) => ({ kind: 'additive', delta: delta as Tensor<'float32'>, bound }),
  }),

  sparse,

  blend: (side, _options, random) => {
    const { mask, pattern } = startingLogits(side, { ...sparseStart, mask: logit(blendShare) }, random);
    return {
      start: { pattern },
      apply: (parameters, pixels) => {
        const even = bounded(new Map([...parameters, ['mask', constant(mask)]]));
        return { triggered: overlay(pixels, even.mask, even.pattern), size: constant(blendShare) };
      },
      trigger: (parameters) => asTrigger({ ...parameters, mask }),
    };
  },

  elsewhere: sparse,
};

const logit = (share: number) => Math.log(share / (1 - share));

const asTrigger = (logits: Tensors): Trigger => ({
  kind: 'mask-pattern',
  ...boundedTensors(logits),
  placement: { top: 0, left: 0 },
});
