/** @file Means as text for the page and the exports: percent, with half of the t interval. */
import type { SeedMean } from '../../evaluation/student.ts';
import { percent } from '../numbers.ts';

/** `59.3 %`; a dash where nothing was measured. */
export function meanOf(mean: SeedMean | null): string {
  return mean ? percent(mean.mean / 100) : '–';
}

/** The t interval of two values is useless: 12.7 standard errors to either side. */
const leastForSpread = 3;

/** Half of the interval; undefined for too few values, and where all are equal: that shows no certainty of this width. */
function halfOf({ n, deviation, interval }: SeedMean): number | undefined {
  return interval && deviation !== 0 && n >= leastForSpread ? (interval.high - interval.low) / 2 : undefined;
}

/** `± 1.2`, or the empty string. */
export function spreadOf(mean: SeedMean | null): string {
  const half = mean ? halfOf(mean) : undefined;
  return half === undefined ? '' : `± ${half.toFixed(1)}`;
}

/** `59.33 ± 1.20`: without units and thin spaces, for files that programs read too. */
export function plainMean(mean: SeedMean | null): string {
  if (!mean) return '-';
  const half = halfOf(mean);
  return `${mean.mean.toFixed(2)}${half === undefined ? '' : ` ± ${half.toFixed(2)}`}`;
}
