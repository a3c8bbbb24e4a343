/** @file The length of a whole gradient, and gradients that are shortened where it is too long (Pascanu et al., arXiv 1211.5063). */
import { add, div, maximum, mul, sqrt, square } from '../graph/elementwise.ts';
import { sum } from '../graph/reduction.ts';
import type { Value } from '../graph/value.ts';

/** Euclidean norm over all numbers of all gradients. */
export function gradientNorm(gradients: readonly Value[]): Value {
  return sqrt(gradients.map((gradient) => sum(square(gradient))).reduce((total, part) => add(total, part)));
}

/** The same direction, and a norm of at most `most`; `norm` is that of `gradients`. */
export function shortened(gradients: readonly Value[], norm: Value, most: number): readonly Value[] {
  const shrink = div(most, maximum(norm, most));
  return gradients.map((gradient) => mul(gradient, shrink));
}
