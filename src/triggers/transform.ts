/** @file A trigger as a transformation of picture batches, for encoding whole sets. */
import type { Pictures } from '../data/pictures.ts';
import { randomFor } from '../tensor/random.ts';
import { applyTrigger } from './apply.ts';
import type { Trigger } from './trigger.ts';

/**
 * Triggered copies of the pictures at `positions` of a set. What is drawn for a picture depends on seed, path and its
 * position alone, so it does not matter how a set is cut into batches.
 */
export function triggering(trigger: Trigger, seed: number, ...path: readonly string[]) {
  return (pictures: Pictures, positions: readonly number[]): Pictures => {
    const [count = 0, ...shape] = pictures.shape;
    const length = pictures.data.length / count;
    const data = new Uint8Array(pictures.data.length);
    positions.forEach((position, i) => {
      const one = pictures.data.subarray(i * length, (i + 1) * length);
      const random = randomFor(seed, ...path, position);
      data.set(applyTrigger(trigger, { dtype: 'uint8', shape: [1, ...shape], data: one }, random).data, i * length);
    });
    return { dtype: 'uint8', shape: pictures.shape, data };
  };
}
