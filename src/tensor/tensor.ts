/** @file Host tensors: row-major numbers with their shape, and where a tensor lies in a file. */

export type Shape = readonly number[];

/** Element types that cross the border to the engine. `float16` is kept as raw bits. */
export type DType = 'float32' | 'float16' | 'int64' | 'int32' | 'uint8' | 'bool';

export interface DataOf {
  float32: Float32Array;
  float16: Uint16Array;
  int64: BigInt64Array;
  int32: Int32Array;
  uint8: Uint8Array;
  bool: Uint8Array;
}

/** A tensor in memory. `data` is row-major (last axis fastest) and holds exactly `elements(shape)` numbers. */
export interface Tensor<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: Shape;
  readonly data: DataOf[D];
}

/** Element types found in files. */
export type StoredDType = DType | 'bfloat16' | 'float64' | 'int16' | 'int8';

/** A tensor on disk: bytes `[offset, offset + length)` of a file, to be mapped rather than read. */
export interface StoredTensor {
  readonly path: string;
  readonly dtype: StoredDType;
  readonly shape: Shape;
  /** First byte, counted from the start of the file. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  /**
   * The axes in the order in which the file keeps them, slowest first: [1, 0] for a matrix that lies there transposed.
   * Left out where it is the order of `shape`, as always in safetensors.
   */
  readonly axes?: readonly number[];
}

export function elements(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

export function float32(data: Float32Array | readonly number[], shape: Shape): Tensor<'float32'> {
  return { dtype: 'float32', shape, data: data instanceof Float32Array ? data : Float32Array.from(data) };
}

/** Rows (first axis) of a matrix, in the given order: [rows.length, columns]. */
export function rowsAt({ shape, data }: Tensor<'float32'>, rows: readonly number[]): Tensor<'float32'> {
  const columns = shape[1]!;
  const picked = new Float32Array(rows.length * columns);
  rows.forEach((row, i) => {
    picked.set(data.subarray(row * columns, (row + 1) * columns), i * columns);
  });
  return float32(picked, [rows.length, columns]);
}

export function int64(values: readonly number[] | Int32Array, shape: Shape): Tensor<'int64'> {
  return { dtype: 'int64', shape, data: BigInt64Array.from(Array.from(values, BigInt)) };
}
