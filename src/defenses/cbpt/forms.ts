/** @file The forms a dummy trigger may take: what is optimised, how it changes pixels, what file comes out. */
import type { Tensors } from '../../engine/engine.ts';
import { add, clip, mul, sigmoid, sub } from '../../graph/elementwise.ts';
import { reshape, transpose } from '../../graph/layout.ts';
import { constant, input } from '../../graph/leaves.ts';
import { matMul } from '../../graph/linear-algebra.ts';
import { mean, sum } from '../../graph/reduction.ts';
import type { Value } from '../../graph/value.ts';
import type { Random } from '../../tensor/random.ts';
import { elements, float32, type Shape, type Tensor } from '../../tensor/tensor.ts';
import type { Trigger } from '../../triggers/trigger.ts';

/**
 * `additive`: one delta for the whole picture in a max-norm ball. `sparse`: mask and pattern over the whole picture,
 * the mask pressed to be small. `patch`: a small mask and pattern that lands at a random place in every picture. `waves`:
 * plane waves over the whole picture, which are not inverted but sampled (`sampled-waves.ts`).
 */
export type Form = 'additive' | 'sparse' | 'patch' | 'waves';

/** One dummy trigger to find. */
export interface NamedForm<F extends Form = Form> {
  /** Names its stage and its files. */
  readonly name: string;
  readonly form: F;
}

/** One dummy trigger to find by optimisation. */
export type InvertedForm = NamedForm<Exclude<Form, 'waves'>>;

export const isInverted = (named: NamedForm): named is InvertedForm => named.form !== 'waves';

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
  /** Side of the window a moving patch lives in, as a share of the picture's side. */
  readonly window: number;
}

export interface FormInstance {
  /** What is optimised, by name. */
  readonly start: Readonly<Record<string, Tensor<'float32'>>>;
  /** Inputs that are drawn for every step, by name, for a batch of this size. */
  readonly draws: (batch: number, random: Random) => Tensors;
  /** Pixels in [0, 1] with the trigger, and how large the trigger is (mean of its mask, in [0, 1]). */
  readonly apply: (parameters: ReadonlyMap<string, Value>, pixels: Value) => { triggered: Value; size: Value };
  /** Keeps parameters in their domain after a step; identity if left out. */
  readonly project?: (next: Value) => Value;
  readonly trigger: (parameters: Tensors) => Trigger;
}

/**
 * Logits a mask starts from: half the trigger everywhere. From a fainter one the way to a backdoor is lost: blended in
 * at 12 % a true trigger does nothing yet, and inversion finds ordinary adversarial colours (docs/method.md, "Start").
 */
const maskStart = 0;

/** Logits of the pattern start within +-this: colours far from grey, because a backdoor answers to contrast. */
const patternSpread = 1;

/** Pattern logits move slowly against the mask's; this factor levels them (as in the spike that found the form). */
const patternGain = 4;

/** Each form for pictures of `side` pixels. */
export const forms: {
  readonly [F in InvertedForm['form']]: (side: number, options: FormOptions, random: Random) => FormInstance;
} = {
  additive: (side, { bound }, random) => ({
    start: { delta: noise([3, side, side], bound, random) },
    draws: () => ({}),
    apply: (parameters, pixels) => {
      const delta = parameters.get('delta')!;
      return { triggered: clip(add(pixels, delta), 0, 1), size: constant(1) };
    },
    project: (delta) => clip(delta, -bound, bound),
    trigger: ({ delta }) => ({ kind: 'additive', delta: delta as Tensor<'float32'>, bound }),
  }),

  sparse: (side, _options, random) => ({
    start: maskAndPattern(side, random),
    draws: () => ({}),
    apply: (parameters, pixels) => {
      const { mask, pattern } = bounded(parameters);
      return { triggered: overlay(pixels, mask, pattern), size: mean(mask, [0, 1, 2]) };
    },
    trigger: (parameters) => ({
      kind: 'mask-pattern',
      ...boundedTensors(parameters),
      placement: { top: 0, left: 0 },
    }),
  }),

  patch: (side, { window }, random) => {
    const small = Math.round(side * window);
    return {
      start: maskAndPattern(small, random),
      draws: (batch, draw) => placements(batch, side, small, draw),
      apply: (parameters, pixels) => {
        const batch = pixels.shape[0]!;
        const down = reshape(input('placement.down', [batch, side, small]), [batch, 1, side, small]);
        const across = reshape(input('placement.across', [batch, side, small]), [batch, 1, side, small]);
        // Rows and columns of ones and zeros move the window to its place, and its gradient back.
        const placed = (x: Value) => matMul(matMul(down, x), transpose(across, [0, 1, 3, 2]));
        const { mask, pattern } = bounded(parameters);
        return {
          triggered: overlay(pixels, placed(mask), placed(pattern)),
          size: mul(sum(mask, [0, 1, 2]), 1 / (side * side)),
        };
      },
      trigger: (parameters) => ({ kind: 'mask-pattern', ...boundedTensors(parameters), placement: 'random' }),
    };
  },
};

/** `(1 - mask) x + mask pattern` (Neural Cleanse's form, Wang et al., S&P 2019). */
function overlay(pixels: Value, mask: Value, pattern: Value): Value {
  return add(pixels, mul(mask, sub(pattern, pixels)));
}

function maskAndPattern(side: number, random: Random): Record<string, Tensor<'float32'>> {
  return {
    mask: float32(new Float32Array(side * side).fill(maskStart), [1, side, side]),
    pattern: noise([3, side, side], patternSpread, random),
  };
}

function bounded(parameters: ReadonlyMap<string, Value>): { mask: Value; pattern: Value } {
  return {
    mask: sigmoid(parameters.get('mask')!),
    pattern: sigmoid(mul(parameters.get('pattern')!, patternGain)),
  };
}

function boundedTensors({ mask, pattern }: Tensors): { mask: Tensor<'float32'>; pattern: Tensor<'float32'> } {
  const squash = (x: number) => 1 / (1 + Math.exp(-x));
  const masks = mask!.data as Float32Array;
  const patterns = pattern!.data as Float32Array;
  return {
    mask: float32(masks.map(squash), mask!.shape),
    pattern: float32(
      patterns.map((x) => squash(x * patternGain)),
      pattern!.shape,
    ),
  };
}

function placements(batch: number, side: number, small: number, random: Random): Tensors {
  const matrix = () => {
    const data = new Float32Array(batch * side * small);
    for (let i = 0; i < batch; i++) {
      const start = random.integer(side - small + 1);
      for (let k = 0; k < small; k++) data[(i * side + start + k) * small + k] = 1;
    }
    return float32(data, [batch, side, small]);
  };
  return { 'placement.down': matrix(), 'placement.across': matrix() };
}

function noise(shape: Shape, bound: number, random: Random): Tensor<'float32'> {
  return float32(
    Float32Array.from({ length: elements(shape) }, () => bound * (2 * random.uniform() - 1)),
    shape,
  );
}
