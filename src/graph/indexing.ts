/** @file Operations that choose rows by number, and the sums that are their gradients. */
import { int64 } from '../tensor/tensor.ts';
import { cast, equal, mul } from './elementwise.ts';
import { reshape } from './layout.ts';
import { constant } from './leaves.ts';
import { matMul } from './linear-algebra.ts';
import { sum } from './reduction.ts';
import { apply, float32Of, type Rules, type Signature, sameShape } from './rule.ts';
import type { Value } from './value.ts';

export interface Indexing {
  gatherRows: Signature<readonly [Value, Value]>;
  scatterAddRows: Signature<readonly [Value, Value], { readonly rows: number }>;
}

export const indexing: Rules<Indexing> = {
  gatherRows: {
    types: ['float32', 'int64'],
    infer: ([table, indices], _, refuse) => {
      if (table.shape.length !== 2) refuse('a table of two axes');
      return float32Of([...indices.shape, table.shape[1]!]);
    },
    onnx: (emit, [table, indices]) => emit.node('Gather', [table, indices], { axis: { int: 0 } }),
    gradient: (dy, { inputs: [table, indices] }) => [scatterAddRows(dy, indices, table.shape[0]!), undefined],
  },
  scatterAddRows: {
    types: ['float32', 'int64'],
    infer: ([updates, indices], { rows }, refuse) => {
      if (!sameShape(updates.shape.slice(0, -1), indices.shape)) refuse('one index for each row of the first');
      return float32Of([rows, updates.shape.at(-1)!]);
    },
    onnx: (emit, [updates, indices], { attributes: { rows }, inputs }) => {
      const width = inputs[0].shape.at(-1)!;
      const zeros = emit.node('ConstantOfShape', [emit.integers([rows, width])]);
      const flatIndices = emit.node('Reshape', [indices, emit.integers([-1, 1])]);
      const flatUpdates = emit.node('Reshape', [updates, emit.integers([-1, width])]);
      return emit.node('ScatterND', [zeros, flatIndices, flatUpdates], { reduction: { string: 'add' } });
    },
    gradient: (dy, { inputs: [, indices] }) => [gatherRows(dy, indices), undefined],
  },
};

/** Rows of `table` [V, W] by int64 `indices` [...]; result [..., W]. */
export function gatherRows(table: Value, indices: Value): Value {
  return apply(indexing, 'gatherRows', [table, indices], {});
}

/** Adds each row of `updates` [..., W] to the row of zeros [rows, W] that int64 `indices` [...] names. */
export function scatterAddRows(updates: Value, indices: Value, rows: number): Value {
  return apply(indexing, 'scatterAddRows', [updates, indices], { rows });
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

/** One element per row: `x` [..., N], int64 `indices` [...]; result [...]. */
export function pickElement(x: Value, indices: Value): Value {
  return sum(mul(x, oneHot(indices, x.shape.at(-1) ?? 1)), [-1]);
}
