/** @file PyTorch's element types: names of their storages, sizes, and which of them are supported. */
import type { StoredDType } from '../../tensor/tensor.ts';

export interface ElementType {
  /** Name in Python, after `torch.`. */
  readonly name: string;
  readonly bytes: number;
  /** Undefined: tensors of this type may be in the file, but cannot be used. */
  readonly stored: StoredDType | undefined;
}

interface Row extends ElementType {
  /** Class of typed storages; recent types have none. */
  readonly storage?: string;
}

/** Names by `torch/storage.py` (`_dtype_to_storage_type_map`) and `torch.dtype`. */
const rows: readonly Row[] = [
  { name: 'float32', storage: 'FloatStorage', bytes: 4, stored: 'float32' },
  { name: 'float16', storage: 'HalfStorage', bytes: 2, stored: 'float16' },
  { name: 'bfloat16', storage: 'BFloat16Storage', bytes: 2, stored: 'bfloat16' },
  { name: 'float64', storage: 'DoubleStorage', bytes: 8, stored: 'float64' },
  { name: 'int64', storage: 'LongStorage', bytes: 8, stored: 'int64' },
  { name: 'int32', storage: 'IntStorage', bytes: 4, stored: 'int32' },
  { name: 'int16', storage: 'ShortStorage', bytes: 2, stored: 'int16' },
  { name: 'int8', storage: 'CharStorage', bytes: 1, stored: 'int8' },
  { name: 'uint8', storage: 'ByteStorage', bytes: 1, stored: 'uint8' },
  { name: 'bool', storage: 'BoolStorage', bytes: 1, stored: 'bool' },
  { name: 'complex64', storage: 'ComplexFloatStorage', bytes: 8, stored: undefined },
  { name: 'complex128', storage: 'ComplexDoubleStorage', bytes: 16, stored: undefined },
  { name: 'quint8', storage: 'QUInt8Storage', bytes: 1, stored: undefined },
  { name: 'qint8', storage: 'QInt8Storage', bytes: 1, stored: undefined },
  { name: 'qint32', storage: 'QInt32Storage', bytes: 4, stored: undefined },
  { name: 'complex32', bytes: 4, stored: undefined },
  { name: 'uint16', bytes: 2, stored: undefined },
  { name: 'uint32', bytes: 4, stored: undefined },
  { name: 'uint64', bytes: 8, stored: undefined },
  { name: 'float8_e4m3fn', bytes: 1, stored: undefined },
  { name: 'float8_e5m2', bytes: 1, stored: undefined },
  { name: 'float8_e4m3fnuz', bytes: 1, stored: undefined },
  { name: 'float8_e5m2fnuz', bytes: 1, stored: undefined },
];

export const elementTypes: readonly ElementType[] = rows;

/** Name of the class (`FloatStorage`) to the type of its elements. */
export const storageClasses: ReadonlyMap<string, ElementType> = new Map(
  rows.flatMap((row) => (row.storage === undefined ? [] : [[row.storage, row] as const])),
);
