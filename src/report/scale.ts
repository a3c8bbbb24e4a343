/** @file From values to places on an axis, and the round numbers written along it. */

export interface Scale {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
  /** Place of a value, in percent of the axis from its start, with two decimals: enough for any screen. */
  at(value: number): number;
}

/** The 1, 2 or 5 times a power of ten that cuts `range` into at most `parts` pieces. */
export function roundStep(range: number, parts: number): number {
  const rough = range / parts;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= rough * (1 - 1e-9)) ?? 10;
  return factor * power;
}

function between(low: number, high: number, ticks: readonly number[]): Scale {
  const at = (value: number) => Number(((100 * (value - low)) / (high - low)).toFixed(2));
  return { low, high, ticks, at };
}

/** Multiples of `step` in [low, high], free of the dust that adding steps up would leave. */
function multiples(step: number, low: number, high: number): number[] {
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, at) => Number(((first + at) * step).toPrecision(12)));
}

/** An axis that begins and ends at a tick and holds all values. Values that are not finite are left out of account. */
export function valueScale(values: readonly number[], parts = 4): Scale {
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
  // A range that comes near zero shows it: the foot of the chart then means "nothing".
  if (low > 0 && low < 0.4 * high) low = 0;
  const step = roundStep(high - low, parts);
  const ends = [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step] as const;
  return between(...ends, multiples(step, ...ends));
}

/** An axis over steps, from the first to the last, with whole ticks. */
export function stepScale(steps: readonly number[], parts = 4): Scale {
  const low = steps[0] ?? 0;
  const high = Math.max(low + 1, steps.at(-1) ?? 1);
  const scale = between(low, high, multiples(Math.max(1, roundStep(high - low, parts)), low, high));
  // The first step is named too, unless a tick stands so near that the two would run into each other.
  return scale.at(scale.ticks[0] ?? high) < 12 ? scale : { ...scale, ticks: [low, ...scale.ticks] };
}

/** Shares in [0, 1]. */
export const shareScale: Scale = between(0, 1, [0, 0.25, 0.5, 0.75, 1]);
