/** @file A trigger as a transformation of picture batches, for encoding whole sets. */
import { onePictureAtATime, type Pictures } from '../clip/pictures/pictures.ts';
import { randomFor } from '../tensor/random.ts';
import { applyTrigger } from './apply.ts';
import type { Trigger } from './trigger.ts';

/**
 * Triggered copies of the pictures at `positions` of a set. What is drawn for a picture depends on seed, path and its
 * position alone, so it does not matter how a set is cut into batches.
 */
export function triggering(trigger: Trigger, seed: number, ...path: readonly string[]) {
  return (pictures: Pictures, positions: readonly number[]): Pictures =>
    onePictureAtATime(pictures, positions, (one, position) =>
      applyTrigger(trigger, one, randomFor(seed, ...path, position)),
    );
}
