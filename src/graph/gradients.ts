/** @file Symbolic reverse-mode differentiation: the gradients of a loss, as values of the same graph. */
import { type AntidoteError, internalError } from '../errors.ts';
import { showType } from '../tensor/tensor.ts';
import { add } from './elementwise.ts';
import { reshape } from './layout.ts';
import { filled } from './leaves.ts';
import { type Operation, ruleAndUse } from './operations.ts';
import { sum } from './reduction.ts';
import { sameShape } from './rule.ts';
import type { Value } from './value.ts';

/** All operations that `roots` depend on, each after its inputs. Uses an explicit stack, because towers are deep. */
export function topologicalOrder(roots: readonly Value[]): readonly Operation[] {
  const order: Operation[] = [];
  const seen = new Set<Operation>();
  for (const root of roots) {
    if (seen.has(root.operation)) continue;
    seen.add(root.operation);
    const stack = [{ operation: root.operation, next: 0 }];
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const input = top.operation.inputs[top.next++];
      if (!input) {
        order.push(top.operation);
        stack.pop();
      } else if (!seen.has(input.operation)) {
        seen.add(input.operation);
        stack.push({ operation: input.operation, next: 0 });
      }
    }
  }
  return order;
}

/**
 * Gradients of a scalar `loss` with respect to `values` (inputs or intermediate results). Values that the loss does not
 * depend on get zeros.
 * @throws AntidoteError (internal) if the loss is not one float32 number.
 */
export function gradients(loss: Value, values: readonly Value[]): Value[] {
  if (loss.type !== 'float32' || loss.shape.some((size) => size !== 1)) {
    throw internalError('gradients', showType(loss.type, loss.shape), 'a loss of one float32 number');
  }
  const order = topologicalOrder([loss]);
  const wanted = new Set(values.map(({ operation }) => operation));
  const dependent = new Set<Operation>();
  for (const operation of order) {
    if (wanted.has(operation) || operation.inputs.some((input) => dependent.has(input.operation))) {
      dependent.add(operation);
    }
  }

  /** Gradient with respect to the first result of each operation. */
  const gradientOf = new Map<Operation, Value>([[loss.operation, filled(1, loss.shape)]]);
  for (const operation of order.toReversed()) {
    const dy = gradientOf.get(operation);
    if (!dy || !dependent.has(operation)) continue;
    const { rule, use } = ruleAndUse(operation);
    const contributions = rule.gradient(dy, use);
    operation.inputs.forEach((input, i) => {
      const contribution = contributions[i];
      if (!contribution || !dependent.has(input.operation)) return;
      if (input.output !== 0) throw notDifferentiable(operation, input);
      const part = sumTo(contribution, input);
      const others = gradientOf.get(input.operation);
      gradientOf.set(input.operation, others ? add(others, part) : part);
    });
  }
  return values.map((value) => gradientOf.get(value.operation) ?? filled(0, value.shape));
}

/** Reverses broadcasting: sums over the axes along which `value` was repeated. */
function sumTo(gradient: Value, value: Value): Value {
  if (sameShape(gradient.shape, value.shape)) return gradient;
  const added = gradient.shape.length - value.shape.length;
  const repeated = [...gradient.shape.keys()].filter(
    (axis) => axis < added || (value.shape[axis - added] === 1 && gradient.shape[axis] !== 1),
  );
  return reshape(sum(gradient, repeated), value.shape);
}

function notDifferentiable(operation: Operation, input: Value): AntidoteError {
  const found = `result ${input.output} of ${input.operation.kind} on the way to the loss`;
  return internalError(operation.kind, found, 'only first results, or stopGradient around this one');
}
