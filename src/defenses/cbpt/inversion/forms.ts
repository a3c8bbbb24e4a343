/** @file The forms a dummy trigger may take, and those of them that are one pattern for all pictures. */
import type { Tensors } from '../../../engine/engine.ts';
import { add, clip } from '../../../graph/elementwise.ts';
import { constant } from '../../../graph/leaves.ts';
import { mean } from '../../../graph/reduction.ts';
import type { Value } from '../../../graph/value.ts';
import type { Random } from '../../../tensor/random.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import type { Trigger } from '../../../triggers/trigger.ts';
import { bounded, boundedTensors, overlay, startingLogits, uniform } from './mask-pattern.ts';

/**
 * `additive`: one delta for the whole picture in a max-norm ball. `sparse`: mask and pattern over the whole picture,
 * the mask pressed to be small. `patch`: a small mask and pattern that may lie in any tile of the picture, one for every
 * class in a race (`patch-race.ts`). `waves`: plane waves over the whole picture, which are sampled (`sampled-waves.ts`).
 * `blend`: one pattern over the whole picture, as thick everywhere. `elsewhere`: like `sparse`, but it must not lead to the
 * classes that believed triggers lead to.
 */
export type Form = 'additive' | 'sparse' | 'patch' | 'waves' | 'blend' | 'elsewhere';

/** Forms that are sought only where none before them is believed. */
export const lastResorts: readonly Form[] = ['waves', 'blend'];

/** One dummy trigger to find. */
export interface NamedForm<F extends Form = Form> {
  /** Names its stage and its files. */
  readonly name: string;
  readonly form: F;
}

/** A form that is inverted without a class in mind. */
export type InvertedForm = keyof typeof forms;

/** `sparse`, `sparse-2`, `patch`: names for forms of which some are listed twice. */
export function named(list: readonly Form[]): readonly NamedForm[] {
  return list.map((form, at) => {
    const before = list.slice(0, at).filter((earlier) => earlier === form).length;
    return { form, name: before === 0 ? form : `${form}-${before + 1}` };
  });
}

/** Numbers that shape the forms; the defaults are those of `cbptDefaults`. */
export interface FormOptions {
  /** Largest magnitude of an additive trigger, in units of the pixel range. */
  readonly bound: number;
}

export interface FormInstance {
  /** What is optimised, by name. */
  readonly start: Readonly<Record<string, Tensor<'float32'>>>;
  /** Pixels in [0, 1] with the trigger, and how large the trigger is (mean of its mask, in [0, 1]). */
  readonly apply: (parameters: ReadonlyMap<string, Value>, pixels: Value) => { triggered: Value; size: Value };
  /** Keeps parameters in their domain after a step; identity if left out. */
  readonly project?: (next: Value) => Value;
  readonly trigger: (parameters: Tensors) => Trigger;
}

/**
 * Half the trigger everywhere: from a fainter one the way to a backdoor is lost, for blended in at 12 % a true trigger
 * does nothing yet, and inversion finds ordinary adversarial colours (docs/method.md, "Start"). Colours far from grey,
 * because a backdoor answers to contrast.
 */
const sparseStart = { mask: 0, spread: 1 };

const sparse = (side: number, _options: FormOptions, random: Random): FormInstance => ({
  start: startingLogits(side, sparseStart, random),
  apply: (parameters, pixels) => {
    const { mask, pattern } = bounded(parameters);
    return { triggered: overlay(pixels, mask, pattern), size: mean(mask, [0, 1, 2]) };
  },
  trigger: asTrigger,
});

/**
 * Share of every pixel that a blend replaces. The true trigger of a backdoor that was planted at a half does little at this
 * share, an optimised one all the same; at a larger share ordinary patterns reach too many pictures (docs/method.md, "Blend").
 */
const blendShare = 0.3;

/** Each form for pictures of `side` pixels. */
export const forms = {
  additive: (side: number, { bound }: FormOptions, random: Random): FormInstance => ({
    start: { delta: uniform([3, side, side], bound, random) },
    apply: (parameters, pixels) => {
      const delta = parameters.get('delta')!;
      return { triggered: clip(add(pixels, delta), 0, 1), size: constant(1) };
    },
    project: (delta) => clip(delta, -bound, bound),
    trigger: ({ delta }) => ({ kind: 'additive', delta: delta as Tensor<'float32'>, bound }),
  }),

  sparse,

  blend: (side: number, _options: FormOptions, random: Random): FormInstance => {
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

/**
 * Share of the asked steps that each takes. A backdoor is soon found; with more steps ordinary patterns catch up
 * (docs/method.md, "Elsewhere", "Blend"). The mask of `sparse` takes long to become as small as RA wants it.
 */
const stepShare: Readonly<Record<InvertedForm, number>> = { additive: 1, sparse: 1, blend: 0.5, elsewhere: 0.5 };

/** Steps that a form takes of those that are asked for. */
export const stepsOf = (form: InvertedForm, asked: number): number => Math.ceil(stepShare[form] * asked);

const logit = (share: number) => Math.log(share / (1 - share));

const asTrigger = (logits: Tensors): Trigger => ({
  kind: 'mask-pattern',
  ...boundedTensors(logits),
  placement: { top: 0, left: 0 },
});
