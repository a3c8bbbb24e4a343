/** @file Checks what callers hand to a program, and copies it so that their arrays stay theirs. */
import type { TensorType } from '../graph/value.ts';
import { arrays, type DType, elements, type Tensor } from '../tensor/tensor.ts';
import type { Tensors } from './engine.ts';
import { internal } from './engine-error.ts';
import type { SentTensor } from './messages.ts';

/**
 * Throws an internal error that names the first tensor of `given` which is not `declared`, or is of another type or
 * shape, or holds more or fewer numbers than its shape says.
 */
export function checkTensors(what: string, given: Tensors, declared: Readonly<Record<string, TensorType>>): void {
  for (const [name, { dtype, shape, data }] of Object.entries(given)) {
    const type = Object.hasOwn(declared, name) ? declared[name] : undefined;
    const where = `${what} "${name}"`;
    if (!type) throw internal(where, 'no such name', namesOf(declared));
    const expected = show(type.type, type.shape);
    if (show(dtype, shape) !== expected) throw internal(where, show(dtype, shape), expected);
    if (!(data instanceof arrays[dtype]) || data.length !== elements(shape)) {
      throw internal(
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
    if (!Object.hasOwn(given, name)) throw internal(`${what} "${name}"`, 'nothing', show(type, shape));
  }
}

/** Copies tensors into buffers of their own, which can be given to the worker: the caller's are not touched. */
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

function show(type: string, shape: readonly number[]): string {
  return `${type} [${shape.join(', ')}]`;
}

function namesOf(declared: Readonly<Record<string, TensorType>>): string {
  const names = Object.keys(declared);
  return names.length > 0 ? `one of ${names.join(', ')}` : 'none at all';
}
