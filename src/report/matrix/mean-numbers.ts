/** @file Means as the page and the exports write them: percent, with half of the t interval. */
import type { SeedMean } from '../../evaluation/student.ts';
import { percent } from '../numbers.ts';

/** `59.3 %`; a dash where nothing was measured. */
export function meanOf(mean: SeedMean | null): string {
  return mean ? percent(mean.mean / 100) : '–';
}

/** `± 1.2`; empty for a single value, which says nothing of its spread. */
export function spreadOf(mean: SeedMean | null): string {
  if (!mean?.interval) return '';
  return `± ${((mean.interval.high - mean.interval.low) / 2).toFixed(1)}`;
}

/** Without units and thin spaces, for files that programs read as well: `59.33 ± 1.20`. */
export function plainMean(mean: SeedMean | null): string {
  if (!mean) return '-';
  const half = mean.interval ? ` ± ${((mean.interval.high - mean.interval.low) / 2).toFixed(2)}` : '';
  return `${mean.mean.toFixed(2)}${half}`;
}
