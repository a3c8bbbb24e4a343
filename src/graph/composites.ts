/** @file Functions composed of operations: activations, losses, norms. Their gradients follow. */
import { add, div, erf, exp, log, maximum, mul, neg, sqrt, square, stopGradient, sub } from './elementwise.ts';
import { max, mean, sum } from './reduction.ts';
import type { Value } from './value.ts';

/** x * Phi(x), Phi the normal distribution's cumulative function: 0.5 x (1 + erf(x / sqrt(2))). */
export function gelu(x: Value): Value {
  return mul(mul(x, 0.5), add(erf(mul(x, Math.SQRT1_2)), 1));
}

/** log(sum(exp(x))) over the last axis, kept with size 1. Shifted by the maximum against overflow. */
export function logSumExp(x: Value): Value {
  const largest = stopGradient(max(x, [-1], true));
  return add(log(sum(exp(sub(x, largest)), [-1], true)), largest);
}

/** log(softmax(x)) over the last axis. */
export function logSoftmax(x: Value): Value {
  return sub(x, logSumExp(x));
}

/** x / |x| over the last axis. A zero vector stays zero (|x| is taken to be at least 1e-12, as in PyTorch). */
export function l2Normalize(x: Value): Value {
  return div(x, sqrt(maximum(sum(square(x), [-1], true), 1e-24)));
}

/** Mean over rows of -sum(targets * log softmax(logits)): `logits` and `targets` [..., classes], targets sum to 1. */
export function crossEntropy(logits: Value, targets: Value): Value {
  return mean(neg(sum(mul(targets, logSoftmax(logits)), [-1])));
}
