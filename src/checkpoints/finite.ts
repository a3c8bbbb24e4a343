/** @file Weights that are numbers: no NaN and no infinity in any of them. */
import { badData } from '../errors.ts';
import { readBytes, withFile } from '../tensor/files/file-bytes.ts';
import type { StoredDType, StoredTensor } from '../tensor/tensor.ts';

/** Pieces in which weights are read that could not be looked at on the way. */
const pieceBytes = 1 << 22;

/**
 * A number is infinite or none exactly if all bits of its exponent are set. Numbers are little-endian: those are bits of
 * the last byte and perhaps of the one before it.
 */
const exponents: Partial<
  Record<StoredDType, { readonly width: number; readonly last: number; readonly before: number }>
> = {
  float32: { width: 4, last: 0x7f, before: 0x80 },
  bfloat16: { width: 2, last: 0x7f, before: 0x80 },
  float16: { width: 2, last: 0x7c, before: 0 },
  float64: { width: 8, last: 0x7f, before: 0xf0 },
};

/** What is known of weights that have been looked at: by {@link bytesKey}, the position of the first that is no number. */
export type Looked = ReadonlyMap<string, number | undefined>;

/** The same for tied weights, which are two names for the same bytes. */
export function bytesKey({ path, dtype, offset, length }: StoredTensor): string {
  return `${dtype} ${offset} ${length} ${path}`;
}

export function mayBeInfinite({ dtype }: StoredTensor): boolean {
  return exponents[dtype] !== undefined;
}

/**
 * The position in a tensor of its first number that is infinite or none, of those that end in a piece of its file.
 *
 * @param start where in the file the piece begins
 * @param previous the byte before the piece, as numbers may lie across the border
 */
export function firstInfinite(
  { dtype, offset, length }: StoredTensor,
  piece: Uint8Array,
  start: number,
  previous: number,
): number | undefined {
  const exponent = exponents[dtype];
  if (exponent === undefined) return undefined;
  const { width, last, before } = exponent;
  const passed = Math.max(0, Math.ceil((start - offset - width + 1) / width));
  const end = Math.min(piece.length, offset + length - start);
  for (let i = offset + passed * width + width - 1 - start; i < end; i += width) {
    if ((piece[i]! & last) === last && ((i === 0 ? previous : piece[i - 1]!) & before) === before)
      return (start + i + 1 - width - offset) / width;
  }
  return undefined;
}

/**
 * Throws a data error that names file, tensor and position if a number is infinite or none.
 *
 * @param looked what is known already; other tensors are read
 */
export async function checkFinite(
  tensors: Iterable<readonly [name: string, tensor: StoredTensor]>,
  looked: Looked = new Map(),
): Promise<void> {
  const known = new Map(looked);
  for (const [name, tensor] of tensors) {
    const key = bytesKey(tensor);
    if (!known.has(key)) known.set(key, mayBeInfinite(tensor) ? await firstInfiniteOf(tensor) : undefined);
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

function firstInfiniteOf(tensor: StoredTensor): Promise<number | undefined> {
  const { path, offset, length } = tensor;
  return withFile(path, 'a file of weights', async (file) => {
    let previous = 0;
    for (let done = 0; done < length; done += pieceBytes) {
      const piece = await readBytes(path, file, offset + done, Math.min(pieceBytes, length - done));
      const position = firstInfinite(tensor, piece, offset + done, previous);
      if (position !== undefined) return position;
      previous = piece.at(-1)!;
    }
    return undefined;
  });
}
