/** @file Operations that select rows by index. */
import { int64 } from '../tensor/tensor.ts';
import { cast, equal } from './elementwise.ts';
import { reshape } from './layout.ts';
import { constant } from './leaves.ts';
import { gemm, matMul } from './linear-algebra.ts';
import { apply, float32Of, type Rules, type Signature } from './rule.ts';
import type { Value } from './value.ts';

export interface Indexing {
  gatherRows: Signature<readonly [Value, Value]>;
}

export const indexing: Rules<Indexing> = {
  gatherRows: {
    types: ['float32', 'int64'],
    infer: ([table, indices], _, refuse) => {
      if (table.shape.length !== 2) refuse('a table of two axes');
      return float32Of([...indices.shape, table.shape[1]!]);
    },
    onnx: (emit, [table, indices]) => emit.node('Gather', [table, indices], { axis: { int: 0 } }),
    // A product with one-hot rows: ONNX Runtime's ScatterND loses additions where two threads write to one row
    // (microsoft/onnxruntime#23396). Tables under training are small, classes or the tokens in use, and so is the product.
    gradient: (dy, { inputs: [table, indices] }) => {
      const [rows = 0, width = 0] = table.shape;
      const choices = reshape(oneHot(indices, rows), [-1, rows]);
      return [gemm(choices, reshape(dy, [-1, width]), { transposeA: true }), undefined];
    },
  },
};

/** Rows of `table` [V, W] at int64 `indices` [...]; result [..., W]. */
export function gatherRows(table: Value, indices: Value): Value {
  return apply(indexing, 'gatherRows', [table, indices], {});
}

/** 1 at position `indices` [...] (int64) of a new last axis of size `depth`, 0 elsewhere. */
export function oneHot(indices: Value, depth: number): Value {
  const positions = constant(int64([...Array(depth).keys()], [depth]));
  return cast(equal(reshape(indices, [...indices.shape, 1]), positions), 'float32');
}

/** One position per sequence: `x` [N, L, W], int64 `positions` [N]; result [N, W]. Exact: a product with one-hot rows. */
export function pickPosition(x: Value, positions: Value): Value {
  const [count = 0, length = 0, width = 0] = x.shape;
  const choice = reshape(oneHot(positions, length), [count, 1, length]);
  return reshape(matMul(choice, x), [count, width]);
}
