/** @file The leaves of a graph: inputs given at each run, weights that stay in their file, constants. */
import { badData, internalError } from '../errors.ts';
import type { Shape, StoredTensor, Tensor } from '../tensor/tensor.ts';
import { elements } from '../tensor/tensor.ts';
import { transpose } from './layout.ts';
import { apply, onnxType, type Rules, type Signature } from './rule.ts';
import type { TensorType, Value, ValueType } from './value.ts';

export interface Leaves {
  input: Signature<readonly [], TensorType & { readonly name: string }>;
  weight: Signature<readonly [], { readonly tensor: StoredTensor }>;
  constant: Signature<readonly [], { readonly tensor: Tensor }>;
}

export const leaves: Rules<Leaves> = {
  input: {
    infer: (_, { shape, type }) => [{ shape, type }],
    onnx: (emit, _, { attributes }) => emit.input(attributes.name, attributes),
    gradient: () => [],
  },
  weight: {
    infer: (_, { tensor }) => [{ shape: tensor.shape, type: 'float32' }],
    onnx: (emit, _, { attributes: { tensor } }) => {
      const name = emit.stored(tensor);
      return tensor.dtype === 'float32' ? name : emit.node('Cast', [name], { to: { int: onnxType.float32 } });
    },
    gradient: () => [],
  },
  constant: {
    infer: (_, { tensor }) => [{ shape: tensor.shape, type: typeOfConstant(tensor) }],
    onnx: (emit, _, { attributes }) => emit.tensor(attributes.tensor),
    gradient: () => [],
  },
};

function typeOfConstant({ dtype }: Tensor): ValueType {
  if (dtype === 'float16' || dtype === 'int32') {
    throw internalError('constant', dtype, 'float32, int64, uint8 or bool');
  }
  return dtype;
}

/** A value given at each run (or kept by the engine, as state) under `name`. */
export function input(name: string, shape: Shape, type: ValueType = 'float32'): Value {
  return apply(leaves, 'input', [], { name, shape, type });
}

const floats: ReadonlySet<string> = new Set(['float32', 'float16', 'bfloat16', 'float64']);

/** A frozen parameter, mapped from its file. Half precision is widened, double precision rounded to float32. */
export function weight(tensor: StoredTensor): Value {
  if (!floats.has(tensor.dtype)) {
    throw badData(tensor.path, `a weight of type ${tensor.dtype}`, [...floats].join(', '));
  }
  const { axes, ...plain } = tensor;
  if (axes === undefined) return apply(leaves, 'weight', [], { tensor });
  const asInFile = { ...plain, shape: axes.map((axis) => tensor.shape[axis]!) };
  return transpose(
    apply(leaves, 'weight', [], { tensor: asInFile }),
    axes.map((_, axis) => axes.indexOf(axis)),
  );
}

/** A tensor, or a number as a float32 scalar of shape []. */
export function constant(value: Tensor | number): Value {
  if (typeof value !== 'number') return apply(leaves, 'constant', [], { tensor: value });
  return constant({ dtype: 'float32', shape: [], data: Float32Array.of(value) });
}

/** A float32 constant filled with one number. */
export function filled(value: number, shape: Shape): Value {
  return constant({ dtype: 'float32', shape, data: new Float32Array(elements(shape)).fill(value) });
}
