/** @file Which items a step sees: every item once a pass, in an order that is shuffled anew for each. */
import { randomFor } from '../tensor/random.ts';

/**
 * Positions of the items of a step, counted from 1; depends on nothing but the step. Every pass is cut into whole batches,
 * and what is left over at its end waits for another pass.
 *
 * @param batch at most `count`
 */
export function inPasses(count: number, batch: number, seed: number): (step: number) => readonly number[] {
  const stepsPerPass = Math.floor(count / batch);
  const all = Array.from({ length: count }, (_, i) => i);
  let shuffled: { pass: number; order: readonly number[] } | undefined;
  return (step) => {
    const pass = Math.floor((step - 1) / stepsPerPass);
    if (shuffled?.pass !== pass) shuffled = { pass, order: randomFor(seed, 'pass', pass).shuffle(all) };
    const first = ((step - 1) % stepsPerPass) * batch;
    return shuffled.order.slice(first, first + batch);
  };
}
