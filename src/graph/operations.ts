/** @file Every operation of the graph language, in one table: a missing rule does not compile. */
import { type Convolution, convolution } from './convolution.ts';
import { type Elementwise, elementwise } from './elementwise.ts';
import { type Indexing, indexing } from './indexing.ts';
import { type Layout, layout } from './layout.ts';
import { type Leaves, leaves } from './leaves.ts';
import { type LinearAlgebra, linearAlgebra } from './linear-algebra.ts';
import { type Normalization, normalization } from './normalization.ts';
import { type Reduction, reduction } from './reduction.ts';
import type { Rule, Rules, Use } from './rule.ts';
import type { TensorType, Value } from './value.ts';

export interface Operations
  extends Leaves,
    Elementwise,
    Layout,
    Reduction,
    LinearAlgebra,
    Indexing,
    Convolution,
    Normalization {}

export type OperationKind = keyof Operations;

export interface OperationOf<Kind extends OperationKind> {
  readonly kind: Kind;
  readonly inputs: readonly Value[];
  readonly attributes: Operations[Kind]['attributes'];
  readonly outputs: readonly TensorType[];
}

export type Operation = { [Kind in OperationKind]: OperationOf<Kind> }[OperationKind];

const operations = {
  ...leaves,
  ...elementwise,
  ...layout,
  ...reduction,
  ...linearAlgebra,
  ...indexing,
  ...convolution,
  ...normalization,
} satisfies Rules<Operations>;

/** The rule of an operation in a graph, and the operation in the form that the rule takes. */
export function ruleAndUse(operation: Operation): {
  readonly rule: Rule<readonly Value[], object>;
  readonly use: Use<readonly Value[], object>;
} {
  const rule = operations[operation.kind] as unknown as Rule<readonly Value[], object>;
  const output = (index: number): Value => ({ operation, output: index, ...operation.outputs[index]! });
  return { rule, use: { ...operation, output } };
}
