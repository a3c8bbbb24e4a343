/** @file Significance of hits against guessing, and of a mean against zero. */

/** Probability of at least `hits` successes in `trials` of probability `share` each. */
export function binomialTail(hits: number, trials: number, share: number): number {
  let tail = 0;
  let logTerm = trials * Math.log1p(-share);
  for (let k = 0; k <= trials; k++) {
    if (k >= hits) tail += Math.exp(logTerm);
    logTerm += Math.log((trials - k) / (k + 1)) + Math.log(share) - Math.log1p(-share);
  }
  return Math.min(1, tail);
}

/** The mean in units of its standard error; 0 of fewer than two numbers, or of numbers that are all 0. */
export function meanOverError(values: readonly number[]): number {
  const count = values.length;
  if (count < 2) return 0;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const error = Math.sqrt(squares / (count - 1) / count);
  return mean === 0 ? 0 : mean / error;
}
