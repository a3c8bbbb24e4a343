/** @file Checks that weights are finite: no NaN and no infinity in any of them. */
import { badData } from '../errors.ts';
import { readBytes, withFile } from '../tensor/files/file-bytes.ts';
import type { StoredDType, StoredTensor } from '../tensor/tensor.ts';

/** Size of the pieces in which tensors are read that no scan has covered. */
const pieceBytes = 1 << 22;

/**
 * A number is infinite or NaN exactly if all bits of its exponent are set. Numbers are little-endian: these bits lie in
 * the last byte and perhaps in the one before it.
 */
const exponents: Partial<
  Record<StoredDType, { readonly width: number; readonly last: number; readonly before: number }>
> = {
  float32: { width: 4, last: 0x7f, before: 0x80 },
  bfloat16: { width: 2, last: 0x7f, before: 0x80 },
  float16: { width: 2, last: 0x7c, before: 0 },
  float64: { width: 8, last: 0x7f, before: 0xf0 },
};

/** Result of a scan: by {@link bytesKey}, the position of the tensor's first NaN or infinity, undefined for none. */
export type NonFinite = ReadonlyMap<string, number | undefined>;

/** Tied weights, two names for the same bytes, share one key. */
export function bytesKey({ path, dtype, offset, length }: StoredTensor): string {
  return `${dtype} ${offset} ${length} ${path}`;
}

export function hasFloats({ dtype }: StoredTensor): boolean {
  return exponents[dtype] !== undefined;
}

/**
 * The position in a tensor of the first NaN or infinity among the numbers that end in a piece of its file.
 *
 * @param start where in the file the piece begins
 * @param previous the byte before the piece, as numbers may lie across the border
 */
export function firstNonFinite(
  { dtype, offset, length }: StoredTensor,
  piece: Uint8Array,
  start: number,
  previous: number,
): number | undefined {
  const exponent = exponents[dtype];
  if (exponent === undefined) return undefined;
  const { width, last, before } = exponent;
  const earlier = Math.max(0, Math.ceil((start - offset - width + 1) / width));
  const end = Math.min(piece.length, offset + length - start);
  for (let i = offset + earlier * width + width - 1 - start; i < end; i += width) {
    if ((piece[i]! & last) === last && ((i === 0 ? previous : piece[i - 1]!) & before) === before)
      return (start + i + 1 - width - offset) / width;
  }
  return undefined;
}

/**
 * Throws a data error that names file, tensor and position if a number is NaN or infinite.
 *
 * @param scanned result of an earlier scan; only tensors that it lacks are read
 */
export async function checkFinite(
  tensors: Iterable<readonly [name: string, tensor: StoredTensor]>,
  scanned: NonFinite = new Map(),
): Promise<void> {
  const known = new Map(scanned);
  for (const [name, tensor] of tensors) {
    const key = bytesKey(tensor);
    if (!known.has(key)) known.set(key, hasFloats(tensor) ? await readFirstNonFinite(tensor) : undefined);
    const position = known.get(key);
    if (position !== undefined)
      throw badData(
        `${tensor.path}: tensor "${name}"`,
        `NaN or infinity at position ${position}`,
        'finite numbers',
        'the file is damaged, or its training diverged',
      );
  }
}

function readFirstNonFinite(tensor: StoredTensor): Promise<number | undefined> {
  const { path, offset, length } = tensor;
  return withFile(path, 'a file of weights', async (file) => {
    let previous = 0;
    for (let done = 0; done < length; done += pieceBytes) {
      const piece = await readBytes(path, file, offset + done, Math.min(pieceBytes, length - done));
      const position = firstNonFinite(tensor, piece, offset + done, previous);
      if (position !== undefined) return position;
      previous = piece.at(-1)!;
    }
    return undefined;
  });
}
