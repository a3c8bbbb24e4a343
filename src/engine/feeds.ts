/** @file Checks a program's feeds and state, and copies them so that the caller's arrays stay untouched. */
import { internalError } from '../errors.ts';
import type { TensorType } from '../graph/value.ts';
import { arrays, type DType, elements, showType, type Tensor } from '../tensor/tensor.ts';
import type { Tensors } from './engine.ts';
import type { SentTensor } from './messages.ts';

/**
 * Throws an internal error that names the first tensor of `given` which is not `declared`, or is of another type or
 * shape, or holds more or fewer numbers than its shape says.
 */
export function checkTensors(what: string, given: Tensors, declared: Readonly<Record<string, TensorType>>): void {
  for (const [name, { dtype, shape, data }] of Object.entries(given)) {
    const type = Object.hasOwn(declared, name) ? declared[name] : undefined;
    const where = `${what} "${name}"`;
    if (!type) throw internalError(where, 'no such name', namesOf(declared));
    const expected = showType(type.type, type.shape);
    if (showType(dtype, shape) !== expected) throw internalError(where, showType(dtype, shape), expected);
    if (!(data instanceof arrays[dtype]) || data.length !== elements(shape)) {
      throw internalError(
        where,
        `${data.constructor.name} of ${data.length}`,
        `${arrays[dtype].name} of ${elements(shape)}`,
      );
    }
  }
}

/** Throws an internal error that names the first of `declared` which is not in `given`. */
export function checkComplete(what: string, given: Tensors, declared: Readonly<Record<string, TensorType>>): void {
  for (const [name, { type, shape }] of Object.entries(declared)) {
    if (!Object.hasOwn(given, name)) throw internalError(`${what} "${name}"`, 'nothing', showType(type, shape));
  }
}

/** Copies tensors into new buffers, which can be transferred to the worker. */
export function copyTensors(tensors: Tensors): { copies: Record<string, SentTensor>; buffers: ArrayBuffer[] } {
  const copies: Record<string, SentTensor> = {};
  const buffers: ArrayBuffer[] = [];
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    const copy = copyOf(dtype, data);
    copies[name] = { dtype, shape, data: copy };
    buffers.push(copy.buffer);
  }
  return { copies, buffers };
}

function copyOf(dtype: DType, data: Tensor['data']): ArrayBufferView<ArrayBuffer> & { readonly buffer: ArrayBuffer } {
  // Not data.slice(): on a Node Buffer that is a view. The type of the elements is checked before.
  return new (arrays[dtype] as new (data: Tensor['data']) => Uint8Array<ArrayBuffer>)(data);
}

function namesOf(declared: Readonly<Record<string, TensorType>>): string {
  const names = Object.keys(declared);
  return names.length > 0 ? `one of ${names.join(', ')}` : 'none at all';
}
