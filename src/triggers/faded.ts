/** @file A patch that lets the picture shine through: a trigger at less than its strength. */
import { float32 } from '../tensor/tensor.ts';
import type { MaskPatternTrigger, PatchTrigger } from './trigger.ts';

/** @param strength share of the pattern in what is seen, in [0, 1] */
export function faded({ pattern, placement }: PatchTrigger, strength: number): MaskPatternTrigger {
  const [, height = 0, width = 0] = pattern.shape;
  const mask = float32(new Float32Array(height * width).fill(strength), [1, height, width]);
  return { kind: 'mask-pattern', mask, pattern, placement };
}
