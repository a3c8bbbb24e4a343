/** @file What a person sees while a command works: notes and progress, on standard error. */
import type { RunEvent } from '../runs/recorder.ts';

export interface Terminal {
  /** One line that stays. */
  note(line: string): void;
  /** An event of the computation: a redrawn line on a terminal, a plain line now and then elsewhere. */
  progress(event: RunEvent): void;
  /** Ends the redrawn line, if there is one. */
  settle(): void;
}

export interface TerminalOptions {
  readonly write: (text: string) => void;
  /** Whether lines can be redrawn. */
  readonly interactive: boolean;
  readonly quiet: boolean;
  readonly columns: () => number;
  /** Milliseconds that never go back. */
  readonly now: () => number;
}

/** Redraws closer together than this are not seen, only paid for. */
const redrawEvery = 100;
/** Plain lines go to logs: seldom enough to keep them short, often enough to show life. */
const plainEvery = 5_000;
/** Rates are averaged over this many milliseconds, so that a slow first step does not spoil the time left. */
const rateWindow = 10_000;

interface Stage {
  readonly name: string;
  /** Recent [time, step] pairs, oldest first. */
  recent: (readonly [number, number])[];
  last: RunEvent;
  shownAt: number;
}

export function createTerminal(options: TerminalOptions): Terminal {
  let stage: Stage | undefined;
  let drawn = false;

  function line(text: string): void {
    if (drawn) options.write('\r\x1b[K');
    drawn = false;
    options.write(`${text}\n`);
  }

  function show(current: Stage, now: number): void {
    current.shownAt = now;
    const text = progressLine(current.last, rateOf(current));
    if (!options.interactive) {
      line(text);
      return;
    }
    options.write(`\r\x1b[K${text.slice(0, Math.max(1, options.columns() - 1))}`);
    drawn = true;
  }

  function settle(): void {
    if (stage) line(progressLine(stage.last, rateOf(stage)));
    stage = undefined;
  }

  return {
    note(text) {
      if (!options.quiet) line(text);
    },
    progress(event) {
      if (options.quiet) return;
      if (event.step === undefined) {
        settle();
        line(progressLine(event, undefined));
        return;
      }
      const now = options.now();
      if (stage?.name !== event.stage) {
        settle();
        stage = { name: event.stage, recent: [], last: event, shownAt: Number.NEGATIVE_INFINITY };
      }
      stage.last = event;
      stage.recent.push([now, event.step]);
      while (stage.recent.length > 2 && now - stage.recent[0]![0] > rateWindow) stage.recent.shift();
      if (event.step === event.steps) {
        settle();
      } else if (now - stage.shownAt >= (options.interactive ? redrawEvery : plainEvery)) show(stage, now);
    },
    settle,
  };
}

/** Steps a second over the window; undefined before two steps are known. */
function rateOf(stage: Stage): number | undefined {
  const [first, last] = [stage.recent[0]!, stage.recent.at(-1)!];
  return last[0] > first[0] ? ((last[1] - first[1]) / (last[0] - first[0])) * 1000 : undefined;
}

/** `inversion  37/120  31%  12.3/s  0:07 left  loss 0.1234` */
export function progressLine(event: RunEvent, rate: number | undefined): string {
  const { stage, step, steps, ...measures } = event;
  const parts = [stage];
  if (step !== undefined) {
    parts.push(steps === undefined ? String(step) : `${step}/${steps}  ${Math.floor((100 * step) / steps)}%`);
    if (rate !== undefined && rate > 0) {
      parts.push(rate >= 1 ? `${rate.toPrecision(3)}/s` : `${(1 / rate).toPrecision(3)} s each`);
      if (steps !== undefined && step < steps) parts.push(`${duration((steps - step) / rate)} left`);
    }
  }
  for (const [name, value] of Object.entries(measures)) {
    if (value !== undefined && value !== null && !Array.isArray(value)) parts.push(`${name} ${measure(value)}`);
  }
  return parts.join('  ');
}

function measure(value: unknown): string {
  return typeof value === 'number' && !Number.isInteger(value) ? value.toPrecision(4) : String(value);
}

/** Seconds as `0:07`, `12:30` or `1:02:03`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (part: number) => String(part).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}
