/** @file The likeliest classes of a picture. Browsers load this file: it imports nothing. */

/** A class, and the probability in [0, 1] that a model gives it. */
export interface ClassPrediction {
  readonly label: string;
  readonly probability: number;
}

/** Best first; probabilities over all classes. */
export type ClassPredictions = readonly ClassPrediction[];

/**
 * The `top` likeliest classes; of equally likely ones the first in the list comes first.
 *
 * @param weights one per class, proportional to its probability
 * @param total sum of all weights
 */
export function topClasses(
  classes: readonly string[],
  weights: Float32Array | readonly number[],
  total: number,
  top: number,
): ClassPredictions {
  const order = [...weights.keys()].sort((a, b) => weights[b]! - weights[a]!).slice(0, top);
  return order.map((i) => ({ label: classes[i]!, probability: weights[i]! / total }));
}
