/** @file Gradient clipping by the global norm (Pascanu et al., arXiv 1211.5063). */
import { add, div, maximum, mul, sqrt, square } from '../graph/elementwise.ts';
import { sum } from '../graph/reduction.ts';
import type { Value } from '../graph/value.ts';

/** Euclidean norm over all numbers of all gradients. */
export function gradientNorm(gradients: readonly Value[]): Value {
  return sqrt(gradients.map((gradient) => sum(square(gradient))).reduce((total, part) => add(total, part)));
}

/** Gradients of the same direction with a norm of at most `most`; `norm` is the norm of `gradients`. */
export function clipByNorm(gradients: readonly Value[], norm: Value, most: number): readonly Value[] {
  const shrink = div(most, maximum(norm, most));
  return gradients.map((gradient) => mul(gradient, shrink));
}
