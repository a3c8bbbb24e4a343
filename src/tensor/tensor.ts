/** @file Host tensors: row-major numbers with their shape, and where a tensor lies in a file. */

export type Shape = readonly number[];

/** Element types that the engine takes. `float16` is kept as raw bits. */
export type DType = 'float32' | 'float16' | 'int64' | 'int32' | 'uint8' | 'bool';

export interface DataOf {
  float32: Float32Array;
  float16: Uint16Array;
  int64: BigInt64Array;
  int32: Int32Array;
  uint8: Uint8Array;
  bool: Uint8Array;
}

/** The typed array of every element type. */
export const arrays: { readonly [D in DType]: new (from: number | DataOf[D]) => DataOf[D] } = {
  float32: Float32Array,
  float16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

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
   * The axes in the file's order, slowest first: [1, 0] for a matrix that is stored transposed. Left out where it is
   * the order of `shape`, as always in safetensors.
   */
  readonly axes?: readonly number[];
}

/** `float32 [2, 3]`, as messages show it. */
export function showType(type: StoredDType, shape: Shape): string {
  return `${type} [${shape.join(', ')}]`;
}

export function elements(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

export function float32(data: Float32Array | readonly number[], shape: Shape): Tensor<'float32'> {
  return { dtype: 'float32', shape, data: data instanceof Float32Array ? data : Float32Array.from(data) };
}

/** Rows (first axis), in the given order: [rows.length, ...the other axes]. */
export function rowsAt<D extends DType>({ dtype, shape, data }: Tensor<D>, rows: readonly number[]): Tensor<D> {
  const others = shape.slice(1);
  const length = elements(others);
  const picked = new arrays[dtype](rows.length * length);
  rows.forEach((row, i) => {
    picked.set(data.subarray(row * length, (row + 1) * length) as never, i * length);
  });
  return { dtype, shape: [rows.length, ...others], data: picked };
}

/** The rows of both (first axis), one after the other. */
export function joinRows<D extends DType>(first: Tensor<D>, second: Tensor<D>): Tensor<D> {
  const data = new arrays[first.dtype](first.data.length + second.data.length);
  data.set(first.data as never);
  data.set(second.data as never, first.data.length);
  return { dtype: first.dtype, shape: [first.shape[0]! + second.shape[0]!, ...first.shape.slice(1)], data };
}

export function rootMeanSquare({ data }: Tensor<'float32'>): number {
  return Math.sqrt(data.reduce((total, x) => total + x * x, 0) / data.length);
}

export function int64(values: readonly number[] | Int32Array, shape: Shape): Tensor<'int64'> {
  return { dtype: 'int64', shape, data: BigInt64Array.from(Array.from(values, BigInt)) };
}

/** Divides a vector by its length, in place. A zero vector stays unchanged. */
export function scaleToUnit(vector: Float32Array | Float64Array): void {
  const length = Math.hypot(...vector);
  if (length === 0) return;
  for (let i = 0; i < vector.length; i++) vector[i]! /= length;
}
