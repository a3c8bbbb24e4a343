/** @file Safetensors files: where each tensor lies, reading one of them, writing a new file. */
import type { FileHandle } from 'node:fs/promises';
import { badData, internalError } from '../errors.ts';
import { writeAtomically } from './files/atomic-file.ts';
import { readBytes, withFile } from './files/file-bytes.ts';
import { fromBfloat16, fromFloat16 } from './float16.ts';
import { type HeaderEntry, limits, parseHeader, shown } from './safetensors-header.ts';
import { type DType, elements, type StoredDType, type StoredTensor, type Tensor } from './tensor.ts';

/** The format's names for element types, with sizes in bytes. Others (8-bit floats, unsigned integers) are refused. */
const stored: Readonly<Record<string, { readonly dtype: StoredDType; readonly bytes: number }>> = {
  F64: { dtype: 'float64', bytes: 8 },
  F32: { dtype: 'float32', bytes: 4 },
  F16: { dtype: 'float16', bytes: 2 },
  BF16: { dtype: 'bfloat16', bytes: 2 },
  I64: { dtype: 'int64', bytes: 8 },
  I32: { dtype: 'int32', bytes: 4 },
  I16: { dtype: 'int16', bytes: 2 },
  I8: { dtype: 'int8', bytes: 1 },
  U8: { dtype: 'uint8', bytes: 1 },
  BOOL: { dtype: 'bool', bytes: 1 },
};

const written: { readonly [D in DType]: string } = {
  float32: 'F32',
  float16: 'F16',
  int64: 'I64',
  int32: 'I32',
  uint8: 'U8',
  bool: 'BOOL',
};

/** Before the header: its length, as a little-endian 64-bit number. */
const LENGTH_BYTES = 8;
/** Tensor data starts at a multiple of this, so that every element type can be mapped in place. */
const ALIGNMENT = 8;
/** Pieces in which long tensors are written: system calls stop at 2 GiB. */
const PIECE_BYTES = 1 << 28;

export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads the header of a safetensors file and checks it completely: every tensor has a known element type and as many
 * bytes as its shape needs, and the tensors cover the rest of the file without gap or overlap, as the format demands.
 * The result can be mapped without further checks as long as the file does not change.
 * Throws a data error that names the file and, if one is at fault, the tensor.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  return withFile(path, 'a safetensors file', (file, size) => readHeader(path, file, size));
}

async function readHeader(path: string, file: FileHandle, size: number): Promise<SafetensorsFile> {
  const refuse = (found: string, advice?: string) => badData(path, found, 'a safetensors file', advice);
  if (size < LENGTH_BYTES) throw refuse(`only ${size} bytes`);
  const declared = (await readBytes(path, file, 0, LENGTH_BYTES)).readBigUInt64LE();
  if (declared > limits.headerBytes) throw refuse(`a header of ${declared} bytes, more than ${limits.headerBytes}`);
  const dataStart = LENGTH_BYTES + Number(declared);
  if (dataStart > size) throw refuse(`a header of ${declared} bytes in a file of ${size}`, 'the file is cut short');
  const text = decodeUtf8(path, await readBytes(path, file, LENGTH_BYTES, Number(declared)));
  const { entries, metadata } = parseHeader(path, text);
  const tensors = new Map<string, StoredTensor>();
  for (const [name, entry] of entries) tensors.set(name, locate(path, name, entry, dataStart));
  checkCoverage(path, tensors, dataStart, size);
  return { tensors, metadata };
}

function decodeUtf8(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw badData(path, 'a header that is not UTF-8 text', 'a safetensors file');
  }
}

function locate(path: string, name: string, entry: HeaderEntry, dataStart: number): StoredTensor {
  const where = `${path}: tensor ${shown(name)}`;
  const type = Object.hasOwn(stored, entry.dtype) ? stored[entry.dtype] : undefined;
  if (!type) throw badData(where, `the element type ${shown(entry.dtype)}`, `one of ${Object.keys(stored).join(', ')}`);
  const [begin, end] = entry.dataOffsets;
  const length = elements(entry.shape) * type.bytes;
  // A product beyond 2^53 is inexact, but cannot equal a difference of offsets, which is smaller.
  if (begin > end || end - begin !== length) {
    throw badData(
      where,
      `offsets ${begin} to ${end}`,
      `${length} bytes for ${entry.dtype} [${entry.shape.join(', ')}]`,
    );
  }
  return { path, dtype: type.dtype, shape: entry.shape, offset: dataStart + begin, length };
}

function checkCoverage(
  path: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  dataStart: number,
  size: number,
): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.offset - b.offset || a.length - b.length);
  let end = dataStart;
  for (const [name, tensor] of inOrder) {
    if (tensor.offset !== end) {
      const found = tensor.offset < end ? 'bytes that belong to another tensor as well' : 'unused bytes before it';
      throw badData(`${path}: tensor ${shown(name)}`, found, 'tensors one after the other');
    }
    end += tensor.length;
  }
  if (end > size) throw badData(path, `${size} bytes`, `${end} bytes as its header says`, 'the file is cut short');
  if (end < size) throw badData(path, `${size - end} bytes after the last tensor`, 'the file to end there');
}

/**
 * Reads one tensor into memory. Types that the engine does not know are widened: float16, bfloat16 and float64 (which
 * may lose digits) become float32, int16 and int8 become int32.
 */
export async function readTensor(tensor: StoredTensor): Promise<Tensor> {
  const { path, offset, length } = tensor;
  return withFile(path, 'a file of tensors', async (file) => {
    const read = widen(tensor, (await readBytes(path, file, offset, length)).buffer);
    return tensor.axes === undefined ? read : inOrderOfShape(read, tensor.axes);
  });
}

/** Like {@link readTensor}, but float16 stays float16, as raw bits. The shape is that of the file. */
export async function readKeepingHalf(tensor: StoredTensor): Promise<Tensor> {
  const { path, dtype, shape, offset, length } = tensor;
  if (dtype !== 'float16') return readTensor(tensor);
  const { buffer } = await withFile(path, 'a file of tensors', (file) => readBytes(path, file, offset, length));
  return { dtype, shape, data: new Uint16Array(buffer) };
}

/** Reorders numbers whose axes the file keeps in another order than the shape. */
function inOrderOfShape<T extends Tensor>(tensor: T, axes: readonly number[]): T {
  const { shape, data } = tensor;
  const strides = new Array<number>(shape.length).fill(0);
  let stride = 1;
  for (const axis of [...axes].reverse()) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  const moved = data.slice();
  const index = new Array<number>(shape.length).fill(0);
  for (let to = 0, from = 0; to < data.length; to++) {
    moved[to] = data[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return { ...tensor, data: moved };
}

function widen({ dtype, shape }: StoredTensor, bytes: ArrayBuffer): Tensor {
  switch (dtype) {
    case 'float32':
      return { dtype, shape, data: new Float32Array(bytes) };
    case 'float16':
      return { dtype: 'float32', shape, data: fromFloat16(new Uint16Array(bytes)) };
    case 'bfloat16':
      return { dtype: 'float32', shape, data: fromBfloat16(new Uint16Array(bytes)) };
    case 'float64':
      return { dtype: 'float32', shape, data: Float32Array.from(new Float64Array(bytes)) };
    case 'int64':
      return { dtype, shape, data: new BigInt64Array(bytes) };
    case 'int32':
      return { dtype, shape, data: new Int32Array(bytes) };
    case 'int16':
      return { dtype: 'int32', shape, data: Int32Array.from(new Int16Array(bytes)) };
    case 'int8':
      return { dtype: 'int32', shape, data: Int32Array.from(new Int8Array(bytes)) };
    case 'uint8':
    case 'bool':
      return { dtype, shape, data: new Uint8Array(bytes) };
  }
}

/**
 * Writes a safetensors file: complete under its name or not at all. The same tensors and metadata give the same bytes:
 * wider element types first (as the reference writer does, so that every tensor is aligned to its elements), then by
 * name.
 */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, Tensor>>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  const inOrder = Object.entries(tensors).sort(
    ([a, { data: dataA }], [b, { data: dataB }]) =>
      dataB.BYTES_PER_ELEMENT - dataA.BYTES_PER_ELEMENT || (a < b ? -1 : 1),
  );
  const header = headerFor(path, inOrder, metadata);
  await writeAtomically(path, async (file) => {
    await writeBytes(file, header);
    for (const [, { data }] of inOrder) {
      await writeBytes(file, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  });
}

function headerFor(
  path: string,
  inOrder: readonly [string, Tensor][],
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  const entries: [string, unknown][] = [];
  if (metadata)
    entries.push(['__metadata__', Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1)))]);
  let end = 0;
  for (const [name, { dtype, shape, data }] of inOrder) {
    if (name === '__metadata__' || name.length > limits.nameLength || data.length !== elements(shape)) {
      throw internalError(
        `${path}: tensor ${shown(name)}`,
        `${data.length} numbers for shape [${shape.join(', ')}]`,
        'a tensor with a usable name and as many numbers as its shape says',
      );
    }
    const begin = end;
    end += data.byteLength;
    entries.push([name, { dtype: written[dtype], shape, data_offsets: [begin, end] }]);
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const header = Buffer.alloc(LENGTH_BYTES + length, ' ');
  header.writeBigUInt64LE(BigInt(length));
  json.copy(header, LENGTH_BYTES);
  return header;
}

async function writeBytes(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, Math.min(bytes.length - done, PIECE_BYTES))).bytesWritten;
  }
}
