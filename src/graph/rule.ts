/** @file The rule of an operation: types of its results, ONNX form, gradient. */
import { internalError } from '../errors.ts';
import { type Shape, type StoredTensor, showType, type Tensor } from '../tensor/tensor.ts';
import type { Operation } from './operations.ts';
import type { TensorType, Value, ValueType } from './value.ts';

/** Signature of an operation: a tuple of inputs (a list, where their number varies) and its attributes. */
export interface Signature<Inputs extends readonly Value[] = readonly Value[], Attributes = object> {
  readonly inputs: Inputs;
  readonly attributes: Attributes;
}

export type OnnxAttribute =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number };

/** ONNX's numbers for element types (`TensorProto.DataType`). */
export const onnxType: Readonly<Record<ValueType, number>> = { float32: 1, uint8: 2, int64: 7, bool: 9 };

/** Receives the ONNX form of operations. Values are referred to by name. */
export interface Emitter {
  /** Adds a node and returns the name of its first result. */
  node(type: string, inputs: readonly string[], attributes?: Readonly<Record<string, OnnxAttribute>>): string;
  /** Adds a node with several results. */
  nodes(
    type: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>>,
    results: number,
  ): string[];
  /** A constant inside the model. */
  tensor(tensor: Tensor): string;
  /** A constant one-dimensional int64 tensor: axes, sizes, positions. */
  integers(values: readonly number[]): string;
  /** A constant that stays in its file. */
  stored(tensor: StoredTensor): string;
  input(name: string, type: TensorType): string;
}

/** One use of an operation, for its rule. */
export interface Use<Inputs extends readonly Value[], Attributes> {
  readonly inputs: Inputs;
  readonly attributes: Attributes;
  /** Types of the results. */
  readonly outputs: readonly TensorType[];
  /** The `index`-th result. */
  output(index: number): Value;
}

/** Throws an error that names the operation and its inputs; called when the inputs are not what was expected. */
export type Refuse = (expected: string) => never;

export interface Rule<Inputs extends readonly Value[], Attributes> {
  /** Required types of the inputs; float32 if left out. */
  readonly types?: 'any' | { readonly [I in keyof Inputs]: ValueType };
  /** Types of the results. */
  infer(inputs: Inputs, attributes: Attributes, refuse: Refuse): readonly TensorType[];
  /** Emits the operation and returns the names of its results. */
  onnx(
    emit: Emitter,
    inputs: { readonly [I in keyof Inputs]: string },
    use: Use<Inputs, Attributes>,
  ): string | readonly string[];
  /**
   * Vector-Jacobian product: from `dy`, the gradient of the loss with respect to the first result (the only one that is
   * differentiated), the gradient for each input; `undefined` where there is none. It may have the shape that the input was
   * broadcast to: `gradients` sums it.
   */
  gradient(dy: Value, use: Use<Inputs, Attributes>): readonly (Value | undefined)[];
}

/** The rules of all operations of a family. */
export type Rules<Family> = {
  readonly [Kind in keyof Family]: Family[Kind] extends Signature<infer Inputs, infer Attributes>
    ? Rule<Inputs, Attributes>
    : never;
};

/**
 * Applies an operation: checks and infers types, and returns all results.
 * @throws AntidoteError (internal) that names the operation and the shapes of its inputs.
 */
export function applyAll<
  Family extends { readonly [K in keyof Family]: Signature },
  Kind extends keyof Family & Operation['kind'],
>(
  rules: Rules<Family>,
  kind: Kind,
  inputs: Family[Kind]['inputs'],
  attributes: Family[Kind]['attributes'],
): readonly Value[] {
  const rule = rules[kind] as unknown as Rule<readonly Value[], object>;
  const refuse: Refuse = (expected) => {
    throw internalError(kind, inputs.map(({ type, shape }) => showType(type, shape)).join(' and '), expected);
  };
  if (rule.types !== 'any') {
    const types = inputs.map((_, i) => rule.types?.[i] ?? 'float32');
    if (inputs.some((input, i) => input.type !== types[i])) refuse(types.join(' and '));
  }
  const outputs = rule.infer(inputs, attributes, refuse);
  const operation = { kind, inputs, attributes, outputs } as unknown as Operation;
  return outputs.map((type, output) => ({ operation, output, ...type }));
}

/** Applies an operation and returns its first result. */
export function apply<
  Family extends { readonly [K in keyof Family]: Signature },
  Kind extends keyof Family & Operation['kind'],
>(rules: Rules<Family>, kind: Kind, inputs: Family[Kind]['inputs'], attributes: Family[Kind]['attributes']): Value {
  return applyAll(rules, kind, inputs, attributes)[0]!;
}

export const float32Of = (shape: Shape): readonly TensorType[] => [{ shape, type: 'float32' }];

/** For operations whose result has the type of their first input. */
export const sameAsInput = ([x]: readonly [Value, ...Value[]]): readonly TensorType[] => [
  { shape: x.shape, type: x.type },
];

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((size, i) => size === b[i]);

/** Numpy's rule: shapes are aligned at the right, sizes are equal or 1. Undefined if they do not broadcast. */
export function broadcastShape(a: Shape, b: Shape): Shape | undefined {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const m = a[axis - rank + a.length] ?? 1;
    const n = b[axis - rank + b.length] ?? 1;
    if (m !== n && m !== 1 && n !== 1) return undefined;
    shape.push(m === 1 ? n : m);
  }
  return shape;
}
