/** @file BadNet's patch (Gu et al. 2017) in the two forms used with CLIP: fresh noise anywhere, and one fixed square. */
import { randomFor } from '../tensor/random.ts';
import { float32 } from '../tensor/tensor.ts';
import type { NoisePatchTrigger, PatchTrigger } from './trigger.ts';

/**
 * Side of the patch for pictures of `size` pixels: 16 at 224 as in the CLIP literature, in proportion at larger sizes,
 * and at least 8, because the first strides of a model for small pictures lose a smaller one.
 */
export function patchSide(size: number): number {
  return Math.max(8, Math.round((16 * size) / 224));
}

/**
 * CleanCLIP's BadNet (`backdoor/utils.py`, type and location "random"): a square of the picture's own channel means plus
 * N(0, 1) in units of the pixel range, at a position drawn for every picture. The trigger is its statistics, not a pattern.
 */
export function badnetFresh(size: number, side: number = patchSide(size)): NoisePatchTrigger {
  return { kind: 'noise-patch', side, placement: 'random' };
}

/**
 * The original BadNet's idea: one square, the same in every picture, near the lower right corner. Its pattern is uniform
 * noise from the seed, on whole bytes, so that a picture file carries it without loss.
 */
export function badnetFixed(size: number, seed: number, side: number = patchSide(size)): PatchTrigger {
  const random = randomFor(seed, 'trigger', 'badnet-fixed');
  const pattern = Float32Array.from({ length: 3 * side * side }, () => random.integer(256) / 255);
  const margin = Math.round(size / 32);
  const corner = size - side - margin;
  return { kind: 'patch', pattern: float32(pattern, [3, side, side]), placement: { top: corner, left: corner } };
}
