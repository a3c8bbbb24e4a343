/** @file Vectors of unit length. */

/** Divides by the length, in place. A vector of zeros stays as it is. */
export function scaleToUnit(vector: Float32Array | Float64Array): void {
  const length = Math.hypot(...vector);
  if (length === 0) return;
  for (let i = 0; i < vector.length; i++) vector[i]! /= length;
}
