/** @file The cost of a graph, from its shapes: arithmetic, and peak memory. */
import { elements } from '../tensor/tensor.ts';
import { topologicalOrder } from './gradients.ts';
import type { Graph } from './graph.ts';
import type { Operation, OperationKind } from './operations.ts';
import type { TensorType, Value } from './value.ts';

/** Inner size of each product: the number of multiplications for one number of the result. */
const innerSizes: { readonly [K in OperationKind]?: (inputs: readonly Value[], output: TensorType) => number } = {
  matMul: ([a]) => a!.shape.at(-1)!,
  gemm: innerOfGemm,
  gemmBias: innerOfGemm,
  conv2d: ([, weight]) => elements(weight!.shape.slice(1)),
  // As many multiplications as in the forward pass, summed differently.
  conv2dInputGradient: ([dy, weight], output) => productsOf(dy!, weight!) / elements(output.shape),
  conv2dWeightGradient: ([, dy], output) =>
    (elements(dy!.shape) * elements(output.shape.slice(1))) / elements(output.shape),
};

function innerOfGemm([a, b]: readonly Value[], { shape }: TensorType): number {
  // With any transposition, elements(a) * elements(b) = rows * columns * inner^2.
  return Math.sqrt((elements(a!.shape) * elements(b!.shape)) / elements(shape));
}

const productsOf = (dy: Value, weight: Value) => elements(dy.shape) * elements(weight.shape.slice(1));

/**
 * Multiplications and additions of all matrix products and convolutions in one run. Not counted are other operations, and
 * those that depend on no input, which the engine computes once while it compiles.
 */
export function arithmeticOf(graph: Graph): number {
  const varying = new Set<Operation>();
  let total = 0;
  for (const operation of topologicalOrder(rootsOf(graph))) {
    const { kind, inputs, outputs } = operation;
    if (kind !== 'input' && !inputs.some((value) => varying.has(value.operation))) continue;
    varying.add(operation);
    const [output] = outputs;
    const inner = innerSizes[kind]?.(inputs, output!);
    if (inner !== undefined) total += 2 * inner * elements(output!.shape);
  }
  return total;
}

const bytesOf: Readonly<Record<TensorType['type'], number>> = { float32: 4, int64: 8, uint8: 1, bool: 1 };

/** No memory of their own: weights are mapped from their files, inputs belong to the caller. */
const leaves: ReadonlySet<OperationKind> = new Set(['input', 'weight', 'constant']);

/** Their result is the memory of the first input under another shape. */
const views: ReadonlySet<OperationKind> = new Set(['reshape', 'stopGradient']);

/**
 * Peak memory of intermediate results, in bytes; each is alive from its computation to its last use. An estimate: the engine
 * may compute in another order, works in place where it can, and keeps weights in its own layout, which is not counted.
 */
export function memoryOf(graph: Graph): number {
  const roots = rootsOf(graph);
  const order = topologicalOrder(roots);
  const owner = new Map<Operation, Operation>();
  for (const operation of order) {
    const [first] = operation.inputs;
    owner.set(operation, views.has(operation.kind) && first ? owner.get(first.operation)! : operation);
  }
  const lastRead = new Map<Operation, number>();
  order.forEach(({ inputs }, time) => {
    for (const { operation } of inputs) lastRead.set(owner.get(operation)!, time);
  });
  for (const { operation } of roots) lastRead.set(owner.get(operation)!, order.length);

  const released = order.map((): Operation[] => []);
  for (const [operation, time] of lastRead) released[time]?.push(operation);
  let alive = 0;
  let most = 0;
  order.forEach((operation, time) => {
    if (owner.get(operation) === operation) alive += sizeOf(operation);
    most = Math.max(most, alive);
    for (const past of released[time]!) alive -= sizeOf(past);
  });
  return most;
}

function sizeOf({ kind, outputs }: Operation): number {
  if (leaves.has(kind)) return 0;
  return outputs.reduce((total, { shape, type }) => total + bytesOf[type] * elements(shape), 0);
}

function rootsOf({ outputs, state = {} }: Graph): readonly Value[] {
  return [...Object.values(outputs), ...Object.values(state).map(({ next }) => next)];
}
