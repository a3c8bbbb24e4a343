/** @file Elementwise operations, with numpy's broadcasting. */
import { elements } from '../tensor/tensor.ts';
import { constant } from './leaves.ts';
import {
  apply,
  broadcastShape,
  type Emitter,
  onnxType,
  type Refuse,
  type Rule,
  type Rules,
  type Signature,
  sameAsInput,
} from './rule.ts';
import type { TensorType, Value, ValueType } from './value.ts';

type Unary = Signature<readonly [Value]>;
type Binary = Signature<readonly [Value, Value]>;

export interface Elementwise {
  add: Binary;
  sub: Binary;
  mul: Binary;
  div: Binary;
  maximum: Binary;
  neg: Unary;
  exp: Unary;
  log: Unary;
  sqrt: Unary;
  reciprocal: Unary;
  sigmoid: Unary;
  /** x, and its sigmoid. */
  silu: Binary;
  erf: Unary;
  relu: Unary;
  isPositive: Unary;
  abs: Unary;
  sign: Unary;
  round: Unary;
  clip: Signature<readonly [Value], { readonly low: number; readonly high: number }>;
  equal: Binary;
  greater: Binary;
  where: Signature<readonly [Value, Value, Value]>;
  cast: Signature<readonly [Value], { readonly to: ValueType }>;
  stopGradient: Unary;
}

function broadcast(inputs: readonly Value[], refuse: Refuse, type: ValueType): readonly TensorType[] {
  const shape = inputs.reduce<readonly number[]>(
    (joined, { shape }) => broadcastShape(joined, shape) ?? refuse('shapes that broadcast: equal sizes, or 1'),
    [],
  );
  return [{ shape, type }];
}

type Gradient<S> = S extends Signature<infer I, infer A> ? Rule<I, A>['gradient'] : never;

const unary = (type: string, gradient: Gradient<Unary>): Rule<readonly [Value], object> => ({
  infer: sameAsInput,
  onnx: (emit, [x]) => emit.node(type, [x]),
  gradient,
});

const binary = (type: string, gradient: Gradient<Binary>): Rule<readonly [Value, Value], object> => ({
  infer: (inputs, _, refuse) => broadcast(inputs, refuse, 'float32'),
  onnx: (emit, [a, b], { inputs }) =>
    emit.node(type, [ofEqualRank(emit, a, inputs[0], inputs[1]), ofEqualRank(emit, b, inputs[1], inputs[0])]),
  gradient,
});

const comparison = (type: string): Rule<readonly [Value, Value], object> => ({
  types: 'any',
  infer: ([a, b], _, refuse) => (a.type === b.type ? broadcast([a, b], refuse, 'bool') : refuse('equal types')),
  onnx: (emit, [a, b]) => emit.node(type, [a, b]),
  gradient: () => [],
});

/**
 * ONNX Runtime broadcasts a scalar over [..., 1] number by number, unless both have the same rank: 9.8 ms instead of 0.2
 * for the kernel [1024, 512, 1, 1] of a convolution.
 */
function ofEqualRank(emit: Emitter, name: string, value: Value, other: Value): string {
  const rank = other.shape.length;
  const slow = elements(value.shape) === 1 && value.shape.length < rank && other.shape[rank - 1] === 1;
  return slow ? emit.node('Reshape', [name, emit.integers(Array(rank).fill(1))]) : name;
}

/** d erf(x) / dx at 0. */
const TWO_OVER_SQRT_PI = 2 / Math.sqrt(Math.PI);

export const elementwise: Rules<Elementwise> = {
  add: binary('Add', (dy) => [dy, dy]),
  sub: binary('Sub', (dy) => [dy, neg(dy)]),
  mul: binary('Mul', (dy, { inputs: [a, b] }) => [mul(dy, b), mul(dy, a)]),
  div: binary('Div', (dy, { inputs: [, b], output }) => {
    const da = div(dy, b);
    return [da, neg(mul(da, output(0)))];
  }),
  // The gradient of a tie goes to the first argument, so that max(x, constant) moves x off the constant.
  maximum: binary('Max', (dy, { inputs: [a, b] }) => {
    const second = cast(greater(b, a), 'float32');
    return [mul(dy, sub(1, second)), mul(dy, second)];
  }),
  neg: unary('Neg', (dy) => [neg(dy)]),
  exp: unary('Exp', (dy, { output }) => [mul(dy, output(0))]),
  log: unary('Log', (dy, { inputs: [x] }) => [div(dy, x)]),
  sqrt: unary('Sqrt', (dy, { output }) => [div(mul(dy, 0.5), output(0))]),
  reciprocal: unary('Reciprocal', (dy, { output }) => [neg(mul(dy, square(output(0))))]),
  sigmoid: unary('Sigmoid', (dy, { output }) => [mul(dy, mul(output(0), sub(1, output(0))))]),
  // s + x s (1 - s) with y = x s, s the sigmoid: four passes over memory, where the product rule needs six.
  silu: binary('Mul', (dy, { inputs: [, s], output }) => [
    mul(dy, add(output(0), mul(s, sub(1, output(0))))),
    undefined,
  ]),
  erf: unary('Erf', (dy, { inputs: [x] }) => [mul(dy, mul(exp(neg(square(x))), TWO_OVER_SQRT_PI))]),
  relu: unary('Relu', (dy, { output }) => [mul(dy, isPositive(output(0)))]),
  isPositive: {
    infer: sameAsInput,
    // One pass, in the layout of the convolutions around it: comparing and casting costs RN50 8 % of its time.
    onnx: (emit, [x]) => emit.node('HardSigmoid', [x], { alpha: { float: 3e38 }, beta: { float: 0 } }),
    gradient: () => [],
  },
  abs: unary('Abs', (dy, { inputs: [x] }) => [mul(dy, sign(x))]),
  sign: unary('Sign', () => [undefined]),
  // Straight through: pixels rounded to 8 bits still get a gradient.
  round: unary('Round', (dy) => [dy]),
  clip: {
    infer: sameAsInput,
    onnx: (emit, [x], { attributes: { low, high } }) => {
      const scalar = (value: number) => emit.tensor({ dtype: 'float32', shape: [], data: Float32Array.of(value) });
      return emit.node('Clip', [x, scalar(low), scalar(high)]);
    },
    // The gradient passes on the bounds (it is zero in PyTorch 2.15), so that pixels that start at 0 or 1 can move.
    gradient: (dy, { inputs: [x], output }) => [mul(dy, cast(equal(x, output(0)), 'float32'))],
  },
  equal: comparison('Equal'),
  greater: comparison('Greater'),
  where: {
    types: ['bool', 'float32', 'float32'],
    infer: (inputs, _, refuse) => broadcast(inputs, refuse, 'float32'),
    onnx: (emit, [condition, a, b]) => emit.node('Where', [condition, a, b]),
    gradient: (dy, { inputs: [condition] }) => {
      const chosen = cast(condition, 'float32');
      return [undefined, mul(dy, chosen), mul(dy, sub(1, chosen))];
    },
  },
  cast: {
    types: 'any',
    infer: ([x], { to }) => [{ shape: x.shape, type: to }],
    onnx: (emit, [x], { attributes: { to } }) => emit.node('Cast', [x], { to: { int: onnxType[to] } }),
    gradient: (dy, { inputs: [x] }) => [x.type === 'float32' && dy.type === 'float32' ? dy : undefined],
  },
  stopGradient: {
    types: 'any',
    infer: sameAsInput,
    onnx: (_, [x]) => x,
    gradient: () => [],
  },
};

const operand = (x: Value | number): Value => (typeof x === 'number' ? constant(x) : x);

function isScalar(x: Value, number: number): boolean {
  const { operation } = x;
  if (operation.kind !== 'constant' || x.shape.length > 0) return false;
  return Number(operation.attributes.tensor.data[0]) === number;
}

export function add(a: Value | number, b: Value | number): Value {
  return apply(elementwise, 'add', [operand(a), operand(b)], {});
}

export function sub(a: Value | number, b: Value | number): Value {
  return apply(elementwise, 'sub', [operand(a), operand(b)], {});
}

export function mul(a: Value | number, b: Value | number): Value {
  const [left, right] = [operand(a), operand(b)];
  // Gradients begin with a factor of 1.
  if (isScalar(left, 1)) return right;
  if (isScalar(right, 1)) return left;
  return apply(elementwise, 'mul', [left, right], {});
}

export function div(a: Value | number, b: Value | number): Value {
  return apply(elementwise, 'div', [operand(a), operand(b)], {});
}

/** The larger of two numbers; the gradient of a tie goes to the first. */
export function maximum(a: Value | number, b: Value | number): Value {
  return apply(elementwise, 'maximum', [operand(a), operand(b)], {});
}

const unaryFunction =
  (kind: { [K in keyof Elementwise]: Elementwise[K] extends Unary ? K : never }[keyof Elementwise]) =>
  (x: Value): Value =>
    apply(elementwise, kind, [x] as never, {} as never);

export const neg: (x: Value) => Value = unaryFunction('neg');
export const exp: (x: Value) => Value = unaryFunction('exp');
/** Natural logarithm. */
export const log: (x: Value) => Value = unaryFunction('log');
export const sqrt: (x: Value) => Value = unaryFunction('sqrt');
export const reciprocal: (x: Value) => Value = unaryFunction('reciprocal');
export const sigmoid: (x: Value) => Value = unaryFunction('sigmoid');
export const erf: (x: Value) => Value = unaryFunction('erf');
export const relu: (x: Value) => Value = unaryFunction('relu');
/** 1 where x > 0, 0 elsewhere. Its gradient is zero. */
export const isPositive: (x: Value) => Value = unaryFunction('isPositive');
export const abs: (x: Value) => Value = unaryFunction('abs');
/** -1, 0 or 1. Its gradient is zero. */
export const sign: (x: Value) => Value = unaryFunction('sign');
/** To the nearest integer, ties to even; the gradient passes unchanged. */
export const round: (x: Value) => Value = unaryFunction('round');
/** The value itself, a constant to `gradients`. */
export const stopGradient: (x: Value) => Value = unaryFunction('stopGradient');

/** x * sigmoid(x). Differentiates once: its gradient takes the sigmoid for a constant. */
export function silu(x: Value): Value {
  return apply(elementwise, 'silu', [x, stopGradient(sigmoid(x))], {});
}

export function square(x: Value): Value {
  return mul(x, x);
}

/** Limits each element to [low, high]; the gradient is zero outside, and passes on the bounds. */
export function clip(x: Value, low: number, high: number): Value {
  return apply(elementwise, 'clip', [x], { low, high });
}

/** True where a equals b; both of one type. */
export function equal(a: Value, b: Value | number): Value {
  return apply(elementwise, 'equal', [a, operand(b)], {});
}

/** True where a > b; both of one type. */
export function greater(a: Value, b: Value | number): Value {
  return apply(elementwise, 'greater', [a, operand(b)], {});
}

/** `a` where the bool `condition` holds, `b` elsewhere. */
export function where(condition: Value, a: Value | number, b: Value | number): Value {
  return apply(elementwise, 'where', [condition, operand(a), operand(b)], {});
}

export function cast(x: Value, to: ValueType): Value {
  return x.type === to ? x : apply(elementwise, 'cast', [x], { to });
}
