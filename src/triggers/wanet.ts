/** @file WaNet (Nguyen & Tran, arXiv 2102.10369): a fixed, seeded warp of the whole picture. */
import { randomFor } from '../tensor/random.ts';
import { float32 } from '../tensor/tensor.ts';
import type { WarpTrigger } from './trigger.ts';

/**
 * A warp from a random field: `points` x `points` control points, uniform in +-1, divided by their mean
 * magnitude.
 */
export function wanet(size: number, seed: number, points: number, strength: number): WarpTrigger {
  const random = randomFor(seed, 'trigger', 'wanet', points);
  const field = Float32Array.from({ length: 2 * points * points }, () => 2 * random.uniform() - 1);
  const magnitude = field.reduce((total, value) => total + Math.abs(value), 0) / field.length;
  return warpOf(
    field.map((value) => value / magnitude),
    points,
    size,
    strength,
  );
}

/**
 * Interpolates control points bicubically over the picture (corners aligned), times `strength / size` in coordinates where
 * the picture reaches from -1 to 1. In pixels: about `strength / 2` on average at the control points, at every size.
 *
 * With as many points as pixels, neighbours move independently: jitter, no smooth warp.
 *
 * @param control [2, points, points], horizontal direction first, as published
 */
export function warpOf(control: Float32Array, points: number, size: number, strength: number): WarpTrigger {
  const across = cubicWeights(points, size);
  const perUnit = ((strength / size) * (size - 1)) / 2;
  const offsets = new Float32Array(2 * size * size);
  for (const [axis, direction] of [1, 0].entries()) {
    const plane = control.subarray(direction * points * points, (direction + 1) * points * points);
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++) {
        let sum = 0;
        for (const [row, rowWeight] of across[y]!)
          for (const [column, weight] of across[x]!) sum += rowWeight * weight * plane[row * points + column]!;
        offsets[(axis * size + y) * size + x] = perUnit * sum;
      }
  }
  return { kind: 'warp', offsets: float32(offsets, [2, size, size]) };
}

/** Parameter of PyTorch's bicubic kernel (Keys 1981). */
const sharpness = -0.75;

/** For each of `size` positions, evenly spaced from the first to the last point: four points with their weights. */
function cubicWeights(
  points: number,
  size: number,
): readonly (readonly (readonly [point: number, weight: number])[])[] {
  return Array.from({ length: size }, (_, place) => {
    const at = (place * (points - 1)) / (size - 1);
    const first = Math.floor(at) - 1;
    return [0, 1, 2, 3].map((i) => {
      // A point beyond the edge is moved onto the edge.
      const point = Math.min(points - 1, Math.max(0, first + i));
      return [point, cubic(Math.abs(at - first - i))] as const;
    });
  });
}

/** Keys' kernel at a distance from 0 to 2. */
function cubic(distance: number): number {
  const a = sharpness;
  if (distance <= 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  return ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a;
}
