/** @file Operations that rearrange elements without changing them. */
import type { Shape } from '../tensor/tensor.ts';
import { elements } from '../tensor/tensor.ts';
import { apply, broadcastShape, type Rules, type Signature, sameAsInput, sameShape } from './rule.ts';
import type { Value } from './value.ts';

export interface Layout {
  reshape: Signature<readonly [Value], { readonly shape: Shape }>;
  transpose: Signature<readonly [Value], { readonly permutation: readonly number[] }>;
  broadcastTo: Signature<readonly [Value], { readonly shape: Shape }>;
  concat: Signature<readonly Value[], { readonly axis: number }>;
  slice: Signature<readonly [Value], { readonly axis: number; readonly start: number; readonly end: number }>;
  pad: Signature<readonly [Value], { readonly before: Shape; readonly after: Shape }>;
  flip: Signature<readonly [Value], { readonly axes: readonly number[] }>;
}

export const layout: Rules<Layout> = {
  reshape: {
    types: 'any',
    infer: ([x], { shape }, refuse) => {
      const whole = shape.every(Number.isInteger);
      if (!whole || elements(x.shape) !== elements(shape)) refuse(`as many elements as [${shape.join(', ')}] has`);
      return [{ shape, type: x.type }];
    },
    onnx: (emit, [x], { attributes: { shape } }) => emit.node('Reshape', [x, emit.integers(shape)]),
    gradient: (dy, { inputs: [x] }) => [reshape(dy, x.shape)],
  },
  transpose: {
    types: 'any',
    infer: ([x], { permutation }, refuse) => {
      const sorted = [...permutation].sort((a, b) => a - b);
      if (!sameShape(sorted, [...x.shape.keys()])) refuse(`a permutation of its axes, not [${permutation.join(', ')}]`);
      return [{ shape: permutation.map((axis) => x.shape[axis]!), type: x.type }];
    },
    onnx: (emit, [x], { attributes }) => emit.node('Transpose', [x], { perm: { ints: attributes.permutation } }),
    gradient: (dy, { attributes: { permutation } }) => [
      transpose(
        dy,
        permutation.map((_, axis) => permutation.indexOf(axis)),
      ),
    ],
  },
  broadcastTo: {
    types: 'any',
    infer: ([x], { shape }, refuse) => {
      const joined = broadcastShape(x.shape, shape);
      if (!joined || !sameShape(joined, shape)) refuse(`a shape that broadcasts to [${shape.join(', ')}]`);
      return [{ shape, type: x.type }];
    },
    onnx: (emit, [x], { attributes: { shape } }) => emit.node('Expand', [x, emit.integers(shape)]),
    gradient: (dy) => [dy],
  },
  concat: {
    types: 'any',
    infer: (values, { axis }, refuse) => {
      const first = values[0] ?? refuse('at least one value');
      const fits = values.every(
        ({ shape, type }) =>
          type === first.type &&
          shape.length === first.shape.length &&
          shape.every((size, i) => i === axis || size === first.shape[i]),
      );
      if (!fits || !(axis in first.shape)) refuse(`one type, and equal sizes on every axis but ${axis}`);
      const total = values.reduce((sum, { shape }) => sum + shape[axis]!, 0);
      return [{ shape: first.shape.with(axis, total), type: first.type }];
    },
    onnx: (emit, names, { attributes: { axis } }) => emit.node('Concat', names, { axis: { int: axis } }),
    gradient: (dy, { inputs, attributes: { axis } }) => {
      let start = 0;
      return inputs.map(({ shape }) => {
        const end = start + shape[axis]!;
        const part = slice(dy, axis, start, end);
        start = end;
        return part;
      });
    },
  },
  slice: {
    types: 'any',
    infer: ([x], { axis, start, end }, refuse) => {
      const size = x.shape[axis] ?? refuse(`an axis ${axis}`);
      if (start < 0 || end > size || start >= end) refuse(`positions ${start} to ${end} to lie on axis ${axis}`);
      return [{ shape: x.shape.with(axis, end - start), type: x.type }];
    },
    onnx: (emit, [x], { attributes: { axis, start, end } }) =>
      emit.node('Slice', [x, emit.integers([start]), emit.integers([end]), emit.integers([axis])]),
    gradient: (dy, { inputs: [x], attributes: { axis, start, end } }) => {
      const none = x.shape.map(() => 0);
      return [pad(dy, none.with(axis, start), none.with(axis, x.shape[axis]! - end))];
    },
  },
  pad: {
    infer: ([x], { before, after }, refuse) => {
      if (before.length !== x.shape.length || after.length !== x.shape.length) refuse('one padding for each axis');
      return [{ shape: x.shape.map((size, axis) => before[axis]! + size + after[axis]!), type: x.type }];
    },
    onnx: (emit, [x], { attributes: { before, after } }) => emit.node('Pad', [x, emit.integers([...before, ...after])]),
    gradient: (dy, { inputs: [x], attributes: { before } }) => [
      x.shape.reduce((part, size, axis) => slice(part, axis, before[axis]!, before[axis]! + size), dy),
    ],
  },
  flip: {
    types: 'any',
    infer: (inputs, { axes }, refuse) => {
      if (axes.some((axis) => !(axis in inputs[0].shape))) refuse(`axes ${axes.join(', ')}`);
      return sameAsInput(inputs);
    },
    onnx: (emit, [x], { attributes: { axes } }) => {
      const each = (value: number) => emit.integers(axes.map(() => value));
      // With a negative step, any very negative end is before the first element.
      return emit.node('Slice', [x, each(-1), each(-(2 ** 31)), emit.integers(axes), each(-1)]);
    },
    gradient: (dy, { attributes: { axes } }) => [flip(dy, axes)],
  },
};

/** The same elements in the same order. One size may be -1 and is inferred. */
export function reshape(x: Value, shape: Shape): Value {
  const known = shape.reduce((product, size) => (size === -1 ? product : product * size), 1);
  const full = shape.map((size) => (size === -1 ? elements(x.shape) / known : size));
  return sameShape(full, x.shape) ? x : apply(layout, 'reshape', [x], { shape: full });
}

/** Axis `i` of the result is axis `permutation[i]` of `x`. */
export function transpose(x: Value, permutation: readonly number[]): Value {
  if (permutation.every((axis, i) => axis === i) && permutation.length === x.shape.length) return x;
  return apply(layout, 'transpose', [x], { permutation });
}

/** Exchanges the last two axes. */
export function transposeLast(x: Value): Value {
  const rank = x.shape.length;
  const axes = [...x.shape.keys()];
  return transpose(x, [...axes.slice(0, -2), rank - 1, rank - 2]);
}

/** Repeats `x` along axes of size 1 and new axes in front. */
export function broadcastTo(x: Value, shape: Shape): Value {
  return sameShape(x.shape, shape) ? x : apply(layout, 'broadcastTo', [x], { shape });
}

/** Concatenates values along an axis; a negative axis counts from the end. */
export function concat(values: readonly Value[], axis: number): Value {
  if (values.length === 1) return values[0]!;
  return apply(layout, 'concat', values, { axis: axis < 0 ? axis + (values[0]?.shape.length ?? 0) : axis });
}

/** Positions [start, end) of one axis; a negative axis counts from the end. */
export function slice(x: Value, axis: number, start: number, end: number): Value {
  const at = axis < 0 ? axis + x.shape.length : axis;
  if (start === 0 && end === x.shape[at]) return x;
  return apply(layout, 'slice', [x], { axis: at, start, end });
}

/** Zeros before and after each axis. */
export function pad(x: Value, before: Shape, after: Shape): Value {
  if ([...before, ...after].every((count) => count === 0)) return x;
  return apply(layout, 'pad', [x], { before, after });
}

/** Reverses the order along the axes. */
export function flip(x: Value, axes: readonly number[]): Value {
  const turned = axes.filter((axis) => x.shape[axis] !== 1);
  return turned.length === 0 ? x : apply(layout, 'flip', [x], { axes: turned });
}
