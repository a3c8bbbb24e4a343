/** @file Numbers as text for the report: one rule for each kind, so that columns agree. */
import { confidence, type Proportion } from '../evaluation/interval.ts';

const thinSpace = '\u202f';
const minus = '\u2212';

/** Two decimals below one percent, where attack success rates differ; one elsewhere. `value` in percent. */
function decimals(value: number): number {
  return value > 0 && value < 1 ? 2 : 1;
}

/** Text of a percentage. Only an exact 0 becomes "0", only an exact 100 "100". */
function rounded(value: number): string {
  if (value === 0 || value === 100) return `${value}`;
  if (value > 99.9) return `>${thinSpace}99.9`;
  return value > 0 && value < 0.005 ? `<${thinSpace}0.01` : value.toFixed(decimals(value));
}

/** A share in [0, 1] as percent. */
export function percent(share: number): string {
  return `${rounded(100 * share)}${thinSpace}%`;
}

/** In [0, 1]. */
export function share({ hits, of }: Proportion): number {
  return hits / of;
}

export function percentText(proportion: Proportion): string {
  return percent(share(proportion));
}

/** The 95 % interval of a proportion, in percent: `0.08–1.06 %`. */
export function intervalOf(proportion: Proportion): string {
  const { low, high } = confidence(proportion);
  return `${rounded(100 * low)}–${rounded(100 * high)}${thinSpace}%`;
}

/** Number of pictures of a proportion, and of their drawings: `396 (views of 99)`. */
export function sampleOf({ of, clusters }: Proportion): string {
  return clusters && clusters.sources < of ? `${count(of)} (views of ${count(clusters.sources)})` : count(of);
}

/** A signed difference of two shares in percentage points. */
export function points(difference: number): string {
  const text = Math.abs(100 * difference).toFixed(1);
  const sign = text === '0.0' ? '' : difference < 0 ? minus : '+';
  return `${sign}${text}`;
}

/** Whole numbers with thin spaces between groups of three, from five digits on. */
export function count(value: number): string {
  const digits = String(Math.round(value));
  return digits.length < 5 ? digits : digits.replace(/\B(?=(\d{3})+$)/g, thinSpace);
}

/** Three significant digits, without an exponent where it reads well. */
export function significant(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(1).replace('-', minus).replace('+', '');
  return String(Number(value.toPrecision(3))).replace('-', minus);
}

/** `0.4 s`, `52 s`, `3 min 05 s`, `2 h 10 min`. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)}${thinSpace}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}${thinSpace}s`;
  const pad = (value: number) => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)}${thinSpace}min ${pad(whole % 60)}${thinSpace}s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)}${thinSpace}h ${pad(minutes % 60)}${thinSpace}min`;
}

/** A class name for a label, cut in the middle. Counts graphemes, not code units. */
export function shortened(text: string, longest = 40): string {
  const seen = Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
  if (seen.length <= longest) return text;
  const head = Math.ceil((longest - 1) / 2);
  return `${seen.slice(0, head).join('')}…${seen.slice(seen.length - (longest - 1 - head)).join('')}`;
}
