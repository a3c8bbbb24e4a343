/** @file How far a computation is, how fast, and how long it will take, in one line. */
import type { RunEvent } from '../runs/recorder.ts';

/** Recent [time in milliseconds, step] pairs, oldest first. */
export type Rate = (readonly [number, number])[];

/** Rates are averaged over this many milliseconds, so that a slow first step does not spoil the time left. */
const rateWindow = 10_000;

/** Notes that `step` is done. */
export function seen(rate: Rate, now: number, step: number): void {
  rate.push([now, step]);
  while (rate.length > 2 && now - rate[0]![0] > rateWindow) rate.shift();
}

/** Steps a second over the window; undefined before two steps are known. */
export function rateOf(rate: Rate): number | undefined {
  const [first, last] = [rate[0], rate.at(-1)];
  return first && last && last[0] > first[0] ? ((last[1] - first[1]) / (last[0] - first[0])) * 1000 : undefined;
}

/**
 * `inversion  37/120  30%  12.3/s  0:07 left  loss 0.1234`; without a `now`, the work is over and nothing is left.
 * What has no steps, or is over, says how long it took once that is worth telling.
 *
 * @param allLeft seconds until everything is done, where that is known: `1:02:03 in all`
 */
export function progressLine(
  event: RunEvent,
  rate: Rate,
  now: number | undefined,
  elapsed: number,
  allLeft?: number,
): string {
  const { stage, step, steps, unit, ...measures } = event;
  const amount = unit === 'bytes' ? inBytes : String;
  const parts = [stage];
  if (step !== undefined) {
    parts.push(steps === undefined ? amount(step) : `${amount(step)}/${amount(steps)}  ${percent(step, steps)}%`);
    const speed = rateOf(rate);
    if (speed !== undefined && speed > 0) {
      if (unit === 'bytes') parts.push(`${inBytes(speed)}/s`);
      else parts.push(speed >= 1 ? `${rounded(speed, 3)}/s` : `${rounded(1 / speed, 3)} s each`);
      // Time goes on during a long step, so what is left of it shrinks.
      const passed = now === undefined ? 0 : (now - rate.at(-1)![0]) / 1000;
      const left = steps === undefined ? 0 : (steps - step) / speed - passed;
      if (now !== undefined && left > 0) {
        parts.push(
          `${duration(left)} left${allLeft === undefined ? '' : ` (${duration(Math.max(left, allLeft))} in all)`}`,
        );
      }
    }
  }
  if ((step === undefined || now === undefined) && elapsed >= 1000) parts.push(duration(elapsed / 1000));
  for (const [name, value] of Object.entries(measures)) {
    if (value !== undefined && value !== null && !Array.isArray(value)) parts.push(`${name} ${measure(value)}`);
  }
  return parts.join('  ');
}

function percent(step: number, steps: number): number {
  return steps === 0 ? 100 : Math.floor((100 * step) / steps);
}

/** `12.3 MB`: thousands, as download pages count. */
function inBytes(bytes: number): string {
  const units = ['KB', 'MB', 'GB', 'TB'];
  // The first that needs no fourth digit.
  const fitting = units.findIndex((_, at) => bytes < 999.5 * 1000 ** (at + 1));
  const at = fitting < 0 ? units.length - 1 : fitting;
  return `${(bytes / 1000 ** (at + 1)).toPrecision(3)} ${units[at]}`;
}

function measure(value: unknown): string {
  return typeof value === 'number' && !Number.isInteger(value) ? rounded(value, 4) : String(value);
}

/** At least so many digits, and never an exponent for what is large: `0.123`, `12.3`, `1234`. */
export function rounded(value: number, digits: number): string {
  return Math.abs(value) < 10 ** digits - 0.5 ? value.toPrecision(digits) : String(Math.round(value));
}

/** Seconds as `0:07`, `12:30` or `1:02:03`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (part: number) => String(part).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}
