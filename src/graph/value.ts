/** @file Symbolic tensors: immutable nodes of a computation that has not run yet. Shapes are static. */
import type { Shape } from '../tensor/tensor.ts';
import type { Operation } from './operations.ts';

/** Element types inside a graph. Arithmetic is float32; int64 for indices, bool for masks, uint8 for pictures. */
export type ValueType = 'float32' | 'int64' | 'bool' | 'uint8';

/** The `output`-th result of an operation. Equality is identity: the same object is computed once. */
export interface Value {
  readonly operation: Operation;
  readonly output: number;
  readonly shape: Shape;
  readonly type: ValueType;
}
