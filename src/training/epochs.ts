/** @file Which items a step sees: every item once an epoch, in an order shuffled anew for each epoch. */
import type { Random } from '../tensor/random.ts';

/**
 * Positions of the items of a step, counted from 1; depends on nothing but the step. Every epoch is cut into whole batches,
 * and an incomplete batch at its end is left out.
 *
 * @param batch at most `count`
 * @param randomOf the generator that shuffles an epoch, counted from 0
 */
export function inEpochs(
  count: number,
  batch: number,
  randomOf: (epoch: number) => Random,
): (step: number) => readonly number[] {
  const stepsPerEpoch = Math.floor(count / batch);
  const all = Array.from({ length: count }, (_, i) => i);
  let shuffled: { epoch: number; order: readonly number[] } | undefined;
  return (step) => {
    const epoch = Math.floor((step - 1) / stepsPerEpoch);
    if (shuffled?.epoch !== epoch) shuffled = { epoch, order: randomOf(epoch).shuffle(all) };
    const first = ((step - 1) % stepsPerEpoch) * batch;
    return shuffled.order.slice(first, first + batch);
  };
}
