/** @file From a pickle's description of a tensor to its numbers in the file: checks bounds, finds place and order. */
import { badData } from '../../errors.ts';
import { shown } from '../../tensor/safetensors-header.ts';
import { elements, type StoredTensor } from '../../tensor/tensor.ts';
import type { ElementType } from './element-types.ts';
import { described, isKind, type PyTensor, type PyValue, type Refuse } from './values.ts';

/** Tensors in CLIP models have at most 4 axes; PyTorch itself stops at 64. */
const mostAxes = 16;

/** Arguments of `torch._utils._rebuild_tensor` and its successors. */
interface TensorArguments {
  readonly storage: PyValue | undefined;
  readonly offset: PyValue | undefined;
  readonly size: PyValue | undefined;
  readonly stride: PyValue | undefined;
  /** Only where storages have no type of their own. */
  readonly dtype?: PyValue | undefined;
  readonly metadata?: PyValue | undefined;
}

/** A view of a storage; all its elements lie within the storage. */
export function rebuildTensor(args: TensorArguments, refuse: Refuse): PyTensor {
  const { storage } = args;
  if (!isKind(storage, 'storage')) throw refuse(`a tensor of ${described(storage)}`, 'a tensor of a storage');
  const type = elementType(args.dtype, refuse) ?? storage.type;
  if (type === undefined) throw refuse('a tensor of bytes without a type', 'an element type');
  if (isKind(args.metadata, 'dict') && (args.metadata.entries.get('conj') || args.metadata.entries.get('neg')))
    throw refuse('a tensor whose numbers are to be conjugated or negated', 'plain numbers', resave);
  const shape = wholeNumbers(args.size, 'sizes', refuse);
  const strides = wholeNumbers(args.stride, 'strides', refuse);
  const [start] = wholeNumbers({ kind: 'tuple', items: [args.offset ?? null] }, 'offset', refuse);
  if (shape.length !== strides.length)
    throw refuse(`${shape.length} sizes and ${strides.length} strides`, 'as many strides as sizes');
  if (shape.length > mostAxes) throw refuse(`a tensor with ${shape.length} axes`, `at most ${mostAxes}`);
  const count = elements(shape);
  // Beyond 2^53 a double is inexact, and no file holds so many elements.
  if (!Number.isSafeInteger(count)) throw refuse(`a tensor of shape [${shape.join(', ')}]`, 'fewer elements');
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, start!);
  const room = Math.floor(storage.bytes / type.bytes);
  if (count > 0 ? last >= room : start! > room)
    throw refuse(
      `a tensor that reaches to element ${last} of storage ${shown(storage.key)}`,
      `one within its ${room} elements`,
    );
  return { kind: 'tensor', storage, type, shape, strides, start: start! };
}

function elementType(dtype: PyValue | undefined, refuse: Refuse): ElementType | undefined {
  if (dtype === undefined) return undefined;
  if (isKind(dtype, 'global') && dtype.meaning.dtype !== undefined) return dtype.meaning.dtype;
  throw refuse(`${described(dtype)} as an element type`, 'one of PyTorch');
}

function wholeNumbers(value: PyValue | undefined, what: string, refuse: Refuse): number[] {
  const items = isKind(value, 'tuple') || isKind(value, 'list') ? value.items : undefined;
  if (items === undefined) throw refuse(`${described(value)} as ${what}`, 'a tuple of numbers');
  return items.map((item) => {
    if (typeof item === 'number' && Number.isSafeInteger(item) && item >= 0) return item;
    throw refuse(`${described(item)} as one of the ${what} of a tensor`, 'a whole number from 0 to 2^53 - 1');
  });
}

/**
 * The place of a tensor's numbers in the file. They must lie there without gaps and each once; their order may differ
 * from that of the shape, as in the transposed matrices of converted checkpoints.
 *
 * @param storageOffset start of the tensor's storage in the file
 */
export function placed(path: string, name: string, tensor: PyTensor, storageOffset: number): StoredTensor {
  const { type, shape, strides, start } = tensor;
  const where = `${path}: tensor ${shown(name)}`;
  if (type.stored === undefined)
    throw badData(where, `the element type ${type.name}`, 'a type that models here can have', 'convert it to float32');
  const order = shape.map((_, axis) => axis);
  // The stride of an axis of size 1 has no meaning, so any place in the order is right.
  if (elements(shape) > 0) {
    const long = order.filter((axis) => shape[axis]! > 1);
    const sorted = [...long].sort((a, b) => strides[b]! - strides[a]!);
    long.forEach((axis, i) => {
      order[axis] = sorted[i]!;
    });
    let dense = 1;
    for (const axis of sorted.reverse()) {
      if (strides[axis] !== dense)
        throw badData(
          where,
          strides[axis]! < dense ? 'a tensor that repeats its numbers' : 'a tensor with gaps between its numbers',
          'all numbers of the tensor one after another',
          resave,
        );
      dense *= shape[axis]!;
    }
  }
  const plain = order.every((axis, i) => axis === i);
  return {
    path,
    dtype: type.stored,
    shape,
    offset: storageOffset + start * type.bytes,
    length: elements(shape) * type.bytes,
    ...(plain ? {} : { axes: order }),
  };
}

const resave = 'call .contiguous() on it in PyTorch and save it again';
