/** @file Learning rate schedules. */

/**
 * Linear warm-up, then half a cosine down to zero.
 *
 * @param step counts from 1 to `steps`
 */
export function warmupCosine(step: number, steps: number, peak: number, warmup: number): number {
  if (step <= warmup) return (peak * step) / warmup;
  const progress = (step - 1 - warmup) / Math.max(1, steps - warmup);
  return (peak * (1 + Math.cos(Math.PI * progress))) / 2;
}
