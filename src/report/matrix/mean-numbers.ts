/** @file Means as the page and the exports write them: percent, with half of the t interval. */
import type { SeedMean } from '../../evaluation/student.ts';
import { percent } from '../numbers.ts';

/** `59.3 %`; a dash where nothing was measured. */
export function meanOf(mean: SeedMean | null): string {
  return mean ? percent(mean.mean / 100) : '–';
}

/** With two values a t interval is wider than any scale it could stand on: 12.7 standard errors to either side. */
const leastForSpread = 3;

/** Half of the interval; undefined for too few values, which say next to nothing of their spread. */
function halfOf({ n, interval }: SeedMean): number | undefined {
  return interval && n >= leastForSpread ? (interval.high - interval.low) / 2 : undefined;
}

/** `± 1.2`, or nothing. */
export function spreadOf(mean: SeedMean | null): string {
  const half = mean ? halfOf(mean) : undefined;
  return half === undefined ? '' : `± ${half.toFixed(1)}`;
}

/** Without units and thin spaces, for files that programs read as well: `59.33 ± 1.20`. */
export function plainMean(mean: SeedMean | null): string {
  if (!mean) return '-';
  const half = halfOf(mean);
  return `${mean.mean.toFixed(2)}${half === undefined ? '' : ` ± ${half.toFixed(2)}`}`;
}
