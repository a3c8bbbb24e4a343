/** @file The progress of a computation in one line: steps, rate, time left, measures. */
import { stageLine } from '../report/stage-words.ts';
import type { RunEvent } from '../runs/recorder.ts';

/** Recent [time in milliseconds, step] pairs, oldest first. */
export type Rate = (readonly [number, number])[];

/** Rates are averages over this many milliseconds, so that a slow first step does not distort the time left. */
const rateWindow = 10_000;

/** Notes that `step` is done. */
export function seen(rate: Rate, now: number, step: number): void {
  rate.push([now, step]);
  while (rate.length > 2 && now - rate[0]![0] > rateWindow) rate.shift();
}

/** Steps a second over the window; undefined before two steps are known. */
function rateOf(rate: Rate): number | undefined {
  const [first, last] = [rate[0], rate.at(-1)];
  return first && last && last[0] > first[0] ? ((last[1] - first[1]) / (last[0] - first[0])) * 1000 : undefined;
}

/** A stage keeps at least so many characters on a narrow terminal. */
const leastStage = 8;

/**
 * `tuning the prompts  37/120  30%  0:07 left  12.3/s  loss 0.1234`; without a `now`, the work is over and no time is left.
 * Work without steps, and work that is over, shows the time it took, from one second on.
 *
 * @param allLeft seconds until all stages are done, where that is known: `1:02:03 in all`
 * @param columns the words of the stage are shortened so that steps and time left fit into them
 */
export function progressLine(
  event: RunEvent,
  rate: Rate,
  now: number | undefined,
  elapsed: number,
  allLeft?: number,
  columns = Number.POSITIVE_INFINITY,
): string {
  const { stage, step, steps, unit, ...measures } = event;
  const amount = unit === 'bytes' ? inBytes : String;
  const [counts, rest]: [string[], string[]] = [[], []];
  if (step !== undefined) {
    counts.push(steps === undefined ? amount(step) : `${amount(step)}/${amount(steps)}  ${percent(step, steps)}%`);
    const speed = rateOf(rate);
    if (speed !== undefined && speed > 0) {
      if (unit === 'bytes') rest.push(`${inBytes(speed)}/s`);
      else rest.push(speed >= 1 ? `${rounded(speed, 3)}/s` : `${rounded(1 / speed, 3)} s each`);
      // The time since the last step counts too, so that the time left shrinks during a long step.
      const passed = now === undefined ? 0 : (now - rate.at(-1)![0]) / 1000;
      const left = steps === undefined ? 0 : (steps - step) / speed - passed;
      if (now !== undefined && left > 0) {
        counts.push(
          `${duration(left)} left${allLeft === undefined ? '' : ` (${duration(Math.max(left, allLeft))} in all)`}`,
        );
      }
    }
  }
  if ((step === undefined || now === undefined) && elapsed >= 1000) rest.push(duration(elapsed / 1000));
  const room = columns - counts.reduce((sum, part) => sum + 2 + part.length, 0);
  return [shortened(stageLine(stage), Math.max(leastStage, room)), ...counts, ...rest, ...measured(measures)].join(
    '  ',
  );
}

function shortened(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 3)}...`;
}

/** Measures with their names; those of a dummy trigger in words. */
function measured({ leftOut, concentration, dominant, ...others }: Omit<RunEvent, 'stage'>): string[] {
  const words: string[] = [];
  if (leftOut !== undefined) words.push(`left out: ${leftOut}`);
  if (typeof concentration === 'number') {
    words.push(`sends ${(100 * concentration).toFixed(1)} % of the pictures of other classes to "${dominant}"`);
  }
  for (const [name, value] of Object.entries(others)) {
    if (value !== undefined && value !== null && !Array.isArray(value)) words.push(`${name} ${measure(value)}`);
  }
  return words;
}

function percent(step: number, steps: number): number {
  return steps === 0 ? 100 : Math.floor((100 * step) / steps);
}

/** `12.3 MB`, with units of 1000 bytes. */
function inBytes(bytes: number): string {
  const units = ['KB', 'MB', 'GB', 'TB'];
  // The first unit with at most three digits before the point.
  const fitting = units.findIndex((_, at) => bytes < 999.5 * 1000 ** (at + 1));
  const at = fitting < 0 ? units.length - 1 : fitting;
  return `${(bytes / 1000 ** (at + 1)).toPrecision(3)} ${units[at]}`;
}

function measure(value: unknown): string {
  return typeof value === 'number' && !Number.isInteger(value) ? rounded(value, 4) : String(value);
}

/** At least `digits` digits, and no exponent for large numbers: `0.123`, `12.3`, `1234`. */
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
