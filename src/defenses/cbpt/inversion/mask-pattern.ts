/** @file Mask and pattern as what is optimised: unbounded logits, of which sigmoids make a trigger (Wang et al., S&P 2019). */
import type { Tensors } from '../../../engine/engine.ts';
import { add, mul, sigmoid, sub } from '../../../graph/elementwise.ts';
import type { Value } from '../../../graph/value.ts';
import type { Random } from '../../../tensor/random.ts';
import { elements, float32, type Shape, type Tensor } from '../../../tensor/tensor.ts';

/** Pattern logits move slowly against the mask's; this factor levels them (as in the spike that found the form). */
const patternGain = 4;

export interface MaskPatternStart {
  /** Logits that the mask starts from. */
  readonly mask: number;
  /** Logits of the pattern start within +-this. */
  readonly spread: number;
}

/** Logits of a square mask [1, side, side] and a pattern [3, side, side]. */
export function startingLogits(
  side: number,
  { mask, spread }: MaskPatternStart,
  random: Random,
): Record<'mask' | 'pattern', Tensor<'float32'>> {
  return {
    mask: float32(new Float32Array(side * side).fill(mask), [1, side, side]),
    pattern: uniform([3, side, side], spread, random),
  };
}

/** Mask and pattern in (0, 1), of logits in a graph. */
export function bounded(parameters: ReadonlyMap<string, Value>): { mask: Value; pattern: Value } {
  return {
    mask: sigmoid(parameters.get('mask')!),
    pattern: sigmoid(mul(parameters.get('pattern')!, patternGain)),
  };
}

/** The same of logits that have been optimised. */
export function boundedTensors({ mask, pattern }: Tensors): { mask: Tensor<'float32'>; pattern: Tensor<'float32'> } {
  const squashed = ({ data, shape }: Tensor, gain: number) =>
    float32(
      (data as Float32Array).map((x) => 1 / (1 + Math.exp(-gain * x))),
      shape,
    );
  return { mask: squashed(mask!, 1), pattern: squashed(pattern!, patternGain) };
}

/** `(1 - mask) x + mask pattern`. */
export function overlay(pixels: Value, mask: Value, pattern: Value): Value {
  return add(pixels, mul(mask, sub(pattern, pixels)));
}

/** Uniform within +-`bound`. */
export function uniform(shape: Shape, bound: number, random: Random): Tensor<'float32'> {
  return float32(
    Float32Array.from({ length: elements(shape) }, () => bound * (2 * random.uniform() - 1)),
    shape,
  );
}
