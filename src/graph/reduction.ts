/** @file Reductions over whole axes, and softmax. */
import type { Shape } from '../tensor/tensor.ts';
import { cast, div, equal, mul, sub } from './elementwise.ts';
import { broadcastTo, reshape } from './layout.ts';
import { apply, type Rules, type Signature, sameAsInput } from './rule.ts';
import type { Value } from './value.ts';

/** Axes are ascending and not negative; `keep` leaves them in the shape with size 1. */
type Reduce = Signature<readonly [Value], { readonly axes: readonly number[]; readonly keep: boolean }>;

export interface Reduction {
  sum: Reduce;
  max: Reduce;
  softmax: Signature<readonly [Value]>;
}

const keptShape = (shape: Shape, axes: readonly number[]): Shape =>
  shape.map((size, axis) => (axes.includes(axis) ? 1 : size));

const reduce = (type: string, gradient: Rules<Reduction>['sum']['gradient']): Rules<Reduction>['sum'] => ({
  infer: ([x], { axes, keep }, refuse) => {
    if (axes.some((axis) => !(axis in x.shape))) refuse(`axes ${axes.join(', ')}`);
    const kept = keptShape(x.shape, axes);
    return [{ shape: keep ? kept : kept.filter((_, axis) => !axes.includes(axis)), type: x.type }];
  },
  onnx: (emit, [x], { attributes: { axes, keep } }) =>
    emit.node(type, [x, emit.integers(axes)], { keepdims: { int: keep ? 1 : 0 } }),
  gradient,
});

export const reduction: Rules<Reduction> = {
  sum: reduce('ReduceSum', (dy, { inputs: [x], attributes: { axes } }) => [
    broadcastTo(reshape(dy, keptShape(x.shape, axes)), x.shape),
  ]),
  // Elements that tie for the maximum share the gradient.
  max: reduce('ReduceMax', (dy, { inputs: [x], attributes: { axes }, output }) => {
    const kept = keptShape(x.shape, axes);
    const largest = cast(equal(x, reshape(output(0), kept)), 'float32');
    return [mul(largest, div(reshape(dy, kept), sum(largest, axes, true)))];
  }),
  softmax: {
    infer: sameAsInput,
    onnx: (emit, [x]) => emit.node('Softmax', [x], { axis: { int: -1 } }),
    gradient: (dy, { output }) => {
      const weighted = mul(dy, output(0));
      return [sub(weighted, mul(output(0), sum(weighted, [-1], true)))];
    },
  },
};

const fromStart = (x: Value, axes: readonly number[]): readonly number[] =>
  axes.map((axis) => (axis < 0 ? axis + x.shape.length : axis)).sort((a, b) => a - b);

const allAxes = (x: Value): readonly number[] => [...x.shape.keys()];

/** Sum over the axes (all of them by default); negative axes count from the end. */
export function sum(x: Value, axes: readonly number[] = allAxes(x), keep = false): Value {
  return axes.length === 0 ? x : apply(reduction, 'sum', [x], { axes: fromStart(x, axes), keep });
}

/** Arithmetic mean over the axes (all of them by default). */
export function mean(x: Value, axes: readonly number[] = allAxes(x), keep = false): Value {
  const count = fromStart(x, axes).reduce((product, axis) => product * (x.shape[axis] ?? 1), 1);
  return mul(sum(x, axes, keep), 1 / count);
}

/** Largest element over the axes (all of them by default). */
export function max(x: Value, axes: readonly number[] = allAxes(x), keep = false): Value {
  return axes.length === 0 ? x : apply(reduction, 'max', [x], { axes: fromStart(x, axes), keep });
}

/** exp(x) / sum(exp(x)) over the last axis. */
export function softmax(x: Value): Value {
  return apply(reduction, 'softmax', [x], {});
}
