/** @file Mask and pattern as optimised: unbounded logits, which sigmoids turn into a trigger (Wang et al., S&P 2019). */
import type { Tensors } from '../../../engine/engine.ts';
import { add, mul, sigmoid, sub } from '../../../graph/elementwise.ts';
import type { Value } from '../../../graph/value.ts';
import type { Random } from '../../../tensor/random.ts';
import { elements, float32, type Shape, type Tensor } from '../../../tensor/tensor.ts';

/** Pattern logits move more slowly than the mask's; this factor compensates (as in the spike that found the form). */
const patternGain = 4;

export interface MaskPatternStart {
  /** Start value of the mask logits. */
  readonly mask: number;
  /** Pattern logits start within +-this. */
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

/** Mask and pattern in (0, 1), from logits in a graph. */
export function bounded(parameters: ReadonlyMap<string, Value>): { mask: Value; pattern: Value } {
  return {
    mask: sigmoid(parameters.get('mask')!),
    pattern: sigmoid(mul(parameters.get('pattern')!, patternGain)),
  };
}

/** The same from optimised logits. */
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
