/** @file From a parameter's name to a value in a graph: mapped from disk, or under training. */
import { internalError } from '../errors.ts';
import { concat, reshape, slice, transpose } from '../graph/layout.ts';
import { weight } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { elements, type Shape } from '../tensor/tensor.ts';
import type { Parameter, Parameters } from './clip.ts';

/** Half-open range of rows (first axis). */
export interface Rows {
  readonly from: number;
  readonly to: number;
}

/** A tower's access to its parameters: the one of that name, or some of its rows. */
export type ParameterValues = (name: string, rows?: Rows) => Value;

/** Parameters that stay on disk; the engine maps them. */
export function storedParameters(parameters: Parameters): ParameterValues {
  const values = new Map<string, Value>();
  return (name, rows) => {
    const key = rows ? `${name}[${rows.from}:${rows.to}]` : name;
    const known = values.get(key);
    if (known) return known;
    const parameter = named(parameters, name);
    const value = rows ? rowsAsValue(parameter, rows) : toValue(parameter);
    values.set(key, value);
    return value;
  };
}

/** Parameters that are inputs of the graph that trains them. */
export function liveParameters(values: ReadonlyMap<string, Value>): ParameterValues {
  return (name, rows) => {
    const value = named(values, name);
    return rows ? slice(value, 0, rows.from, rows.to) : value;
  };
}

function named<T>(values: ReadonlyMap<string, T>, name: string): T {
  const value = values.get(name);
  if (value === undefined) throw internalError(`parameter "${name}"`, 'nothing', 'a tensor');
  return value;
}

function toValue(parameter: Parameter): Value {
  switch (parameter.kind) {
    case 'stored':
      return weight(parameter.tensor);
    case 'transposed':
      return transpose(toValue(parameter.of), [1, 0]);
    case 'joined':
      return concat(parameter.parts.map(toValue), parameter.axis);
  }
}

function rowsAsValue(parameter: Parameter, rows: Rows): Value {
  const permuted = parameter.kind === 'stored' && parameter.tensor.axes !== undefined;
  return permuted ? slice(toValue(parameter), 0, rows.from, rows.to) : toValue(rowsOf(parameter, rows));
}

/** Rows of a stored tensor are consecutive bytes, so a stored tensor too: q, k and v are split without a copy. */
function rowsOf(parameter: Parameter, { from, to }: Rows): Parameter {
  switch (parameter.kind) {
    case 'stored': {
      const { tensor } = parameter;
      const rowBytes = tensor.length / (tensor.shape[0] ?? 1);
      const shape = [to - from, ...tensor.shape.slice(1)];
      return {
        kind: 'stored',
        tensor: { ...tensor, shape, offset: tensor.offset + from * rowBytes, length: (to - from) * rowBytes },
      };
    }
    case 'joined': {
      let start = 0;
      for (const part of parameter.parts) {
        const size = shapeOf(part)[0] ?? 0;
        if (start === from && start + size === to) return part;
        start += size;
      }
      break;
    }
    case 'transposed':
      break;
  }
  throw internalError(
    `rows ${from} to ${to} of a ${parameter.kind} parameter`,
    'rows that are not a contiguous part of the file',
    'a stored tensor, or exactly one joined part',
  );
}

/** Shape of an assembled parameter. */
export function shapeOf(parameter: Parameter): Shape {
  switch (parameter.kind) {
    case 'stored':
      return parameter.tensor.shape;
    case 'transposed':
      return [...shapeOf(parameter.of)].reverse();
    case 'joined': {
      const shapes = parameter.parts.map(shapeOf);
      return (shapes[0] ?? []).map((size, axis) =>
        axis === parameter.axis ? shapes.reduce((total, shape) => total + (shape[axis] ?? 0), 0) : size,
      );
    }
  }
}

/** A convolution kernel as a matrix, one row for each output channel. */
export function asMatrix(value: Value): Value {
  const rows = value.shape[0] ?? 1;
  return reshape(value, [rows, elements(value.shape) / rows]);
}
