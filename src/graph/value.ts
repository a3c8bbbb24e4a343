/** @file Symbolic tensors: immutable nodes of a computation that runs later. Shapes are static. */
import type { Shape } from '../tensor/tensor.ts';
import type { Operation } from './operations.ts';

/** Element types inside a graph. Arithmetic is float32; int64 for indices, bool for masks, uint8 for pictures. */
export type ValueType = 'float32' | 'int64' | 'bool' | 'uint8';

/** The static type of a value. */
export interface TensorType {
  readonly shape: Shape;
  readonly type: ValueType;
}

/** The `output`-th result of an operation. Equal operations on equal inputs are computed once. */
export interface Value extends TensorType {
  readonly operation: Operation;
  readonly output: number;
}
