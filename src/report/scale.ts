/** @file From values to positions on an axis, and the round numbers of its ticks. */

export interface Scale {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
  /** Position of a value, in percent of the axis from its start, with two decimals: enough for any screen. */
  at(value: number): number;
}

/** The 1, 2 or 5 times a power of ten that cuts `range` into at most `pieces` pieces. */
export function roundStep(range: number, pieces: number): number {
  const rough = range / pieces;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= rough * (1 - 1e-9)) ?? 10;
  return factor * power;
}

function between(low: number, high: number, ticks: readonly number[]): Scale {
  const at = (value: number) => Number(((100 * (value - low)) / (high - low)).toFixed(2));
  return { low, high, ticks, at };
}

/** Multiples of `step` in [low, high], without the rounding errors of a running sum. */
function multiples(step: number, low: number, high: number): number[] {
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, at) => Number(((first + at) * step).toPrecision(12)));
}

/** Pieces that ticks cut an axis into, at most. */
const parts = 4;

/** An axis that begins and ends at a tick and holds all values. Values that are not finite are ignored. */
export function valueScale(values: readonly number[]): Scale {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) [low, high] = [0, 1];
  if (low === high) {
    const margin = Math.abs(low) / 2 || 1;
    [low, high] = [low - margin, high + margin];
  }
  // A range near zero begins at zero.
  if (low > 0 && low < 0.4 * high) low = 0;
  const step = roundStep(high - low, parts);
  const ends = [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step] as const;
  return between(...ends, multiples(step, ...ends));
}

/** An axis over steps, from the first to the last, with whole ticks. */
export function stepScale(steps: readonly number[]): Scale {
  const low = steps[0] ?? 0;
  const high = Math.max(low + 1, steps.at(-1) ?? 1);
  const scale = between(low, high, multiples(Math.max(1, roundStep(high - low, parts)), low, high));
  // The first step is labelled too, unless its label would overlap that of the first tick.
  return scale.at(scale.ticks[0] ?? high) < 12 ? scale : { ...scale, ticks: [low, ...scale.ticks] };
}

/** Shares in [0, 1]. */
export const shareScale: Scale = between(0, 1, [0, 0.25, 0.5, 0.75, 1]);
