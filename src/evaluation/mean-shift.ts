/** @file How a trigger moves pictures in the space of embeddings. */
import type { Embeddings } from '../clip/encode-pictures.ts';

/** Mean over rows of `to - from`: [embedding]. Rows of both belong to the same pictures. */
export function meanShift(from: Embeddings, to: Embeddings): Float64Array {
  const [rows = 1, size = 0] = from.shape;
  const shift = new Float64Array(size);
  for (let i = 0; i < from.data.length; i++) shift[i % size]! += (to.data[i]! - from.data[i]!) / rows;
  return shift;
}
