/** @file Means over seeds: Student's t interval, and its quantile. */
import type { Interval } from './interval.ts';

/** A mean of few repetitions, in the unit of the values. */
export interface SeedMean {
  readonly mean: number;
  /** Repetitions. */
  readonly n: number;
  /** Sample standard deviation (n - 1); null for a single value. */
  readonly deviation: number | null;
  /** Bounds of the mean at 95 % confidence; null for a single value, which has no spread. */
  readonly interval: Interval | null;
}

/**
 * Mean with Student's t interval at 95 %. It covers the choice of seeds, given normal scatter, and not that of the finite
 * test set, which all seeds share. Bounds of a share are not cut to its range.
 */
export function seedMean(values: readonly number[]): SeedMean {
  const n = values.length;
  if (n === 0) throw new RangeError('a mean needs at least one value');
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n === 1) return { mean, n, deviation: null, interval: null };
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1));
  const half = (studentQuantile(0.975, n - 1) * deviation) / Math.sqrt(n);
  return { mean, n, deviation, interval: { low: mean - half, high: mean + half } };
}

/**
 * The value that Student's t with `freedom` degrees of freedom stays below with probability `p`, 0 < p < 1.
 * Bisection on the distribution function: slow and without surprises.
 */
export function studentQuantile(p: number, freedom: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`found probability ${p}, expected one between 0 and 1`);
  if (!(freedom > 0)) throw new RangeError(`found ${freedom} degrees of freedom, expected more than 0`);
  if (p < 0.5) return -studentQuantile(1 - p, freedom);
  let [low, high] = [0, 1];
  while (studentUpperTail(high, freedom) > 1 - p) high *= 2;
  // Until no double lies between: about sixty halvings.
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return middle;
    if (studentUpperTail(middle, freedom) > 1 - p) low = middle;
    else high = middle;
  }
}

/** P(T > t) for t >= 0: half the regularised incomplete beta function at freedom / (freedom + t^2). */
function studentUpperTail(t: number, freedom: number): number {
  return incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5) / 2;
}

/** I_x(a, b), from its continued fraction on the side where that converges fast (DLMF 8.17.22). */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(a * Math.log(x) + b * Math.log1p(-x) - logBeta(a, b)) / a;
  return front / betaFraction(x, a, b);
}

/** 1 + d1 / (1 + d2 / (1 + ...)), from the first term on (Lentz's method, as modified by Thompson and Barnett 1986). */
function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  let [value, c, d] = [1, 1, 0];
  for (let step = 1; step <= 10_000; step++) {
    const m = Math.floor(step / 2);
    const coefficient =
      step % 2 === 0
        ? (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
        : (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + coefficient * d || tiny);
    c = 1 + coefficient / c || tiny;
    value *= c * d;
    if (Math.abs(c * d - 1) < 1e-15) return value;
  }
  throw new RangeError(`the incomplete beta function does not converge at ${x}, ${a}, ${b}`);
}

function logBeta(a: number, b: number): number {
  return logGamma(a) + logGamma(b) - logGamma(a + b);
}

/** ln Gamma(x), x > 0: Stirling's series (DLMF 5.11.1), with the argument raised to at least 12, where it is exact enough. */
function logGamma(x: number): number {
  let [shift, z] = [0, x];
  for (; z < 12; z++) shift += Math.log(z);
  const inverse = 1 / (z * z);
  const series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse / 1188)))) / z;
  return (z - 0.5) * Math.log(z) - z + Math.log(2 * Math.PI) / 2 + series - shift;
}
