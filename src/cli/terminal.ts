/** @file What a person sees while a command works: notes and progress, on standard error. */
import type { RunEvent } from '../runs/recorder.ts';
import { progressLine, type Rate, seen } from './progress-line.ts';
import { type Share, type TimeLeft, timeLeft } from './time-left.ts';

export interface Terminal {
  /** One line that stays. */
  note(line: string): void;
  /** Something that has no steps is going on from now. */
  activity(what: string): void;
  /** An event of the computation: a line redrawn in place on a terminal, a plain line now and then elsewhere. */
  progress(event: RunEvent): void;
  /**
   * Tells all that is going to happen: from now on, progress says how long everything takes.
   *
   * @param reckoned milliseconds for a unit of arithmetic, where the machine was measured
   */
  plan(stages: readonly Share[], reckoned?: number): void;
  /** Ends what is going on: its last state stays as a line. */
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
  /** Calls `tick` every so many milliseconds until the returned function is called. */
  readonly every: (milliseconds: number, tick: () => void) => () => void;
}

/** Redraws closer together than this are not seen, only paid for. */
const redrawEvery = 100;
/** A step may take long: the line still moves, so that nobody takes it for dead. */
const tickEvery = 250;
/** Plain lines go to logs: seldom enough to keep them short, often enough to show life. */
const plainEvery = 5_000;

interface Work {
  readonly since: number;
  readonly rate: Rate;
  last: RunEvent;
  shownAt: number;
  /** Whether the last event has been printed as a line that stays. */
  printed: boolean;
}

export function createTerminal(options: TerminalOptions): Terminal {
  const { interactive, quiet, now } = options;
  let work: Work | undefined;
  let drawn = false;
  let whole: TimeLeft | undefined;
  let stopTicking: (() => void) | undefined;

  function line(text: string): void {
    options.write(`${drawn ? '\r\x1b[K' : ''}${text}\n`);
    drawn = false;
  }

  function tick(): void {
    if (work && now() - work.shownAt >= tickEvery) draw();
  }

  function draw(): void {
    if (!work) return;
    work.shownAt = now();
    const turning = '|/-\\'[Math.floor(now() / tickEvery) % 4];
    const text = `${turning} ${progressLine(work.last, work.rate, now(), now() - work.since, whole?.at(now()))}`;
    options.write(`\r\x1b[K${text.slice(0, Math.max(1, options.columns() - 1))}`);
    drawn = true;
  }

  function settle(): void {
    stopTicking?.();
    stopTicking = undefined;
    if (work && !work.printed) line(progressLine(work.last, work.rate, undefined, now() - work.since));
    work = undefined;
  }

  function begin(event: RunEvent): Work {
    settle();
    if (interactive) stopTicking = options.every(tickEvery, tick);
    work = { since: now(), rate: [], last: event, shownAt: Number.NEGATIVE_INFINITY, printed: false };
    return work;
  }

  return {
    note(text) {
      if (quiet) return;
      line(text);
      if (interactive) draw();
    },
    activity(what) {
      if (quiet) return;
      const begun = begin({ stage: what });
      if (interactive) return draw();
      line(what);
      begun.printed = true;
    },
    progress(event) {
      if (quiet) return;
      if (event.step === undefined) {
        settle();
        return line(progressLine(event, [], undefined, 0));
      }
      const current = work?.last.stage === event.stage ? work : begin(event);
      current.last = event;
      current.printed = false;
      seen(current.rate, now(), event.step);
      whole?.seen(event, now());
      if (event.step === event.steps) settle();
      else if (now() - current.shownAt < (interactive ? redrawEvery : plainEvery)) return;
      else if (interactive) draw();
      else {
        line(progressLine(event, current.rate, now(), now() - current.since, whole?.at(now())));
        current.shownAt = now();
        current.printed = true;
      }
    },
    plan(stages, reckoned) {
      whole = timeLeft(stages, reckoned);
    },
    settle,
  };
}

/** Works while the terminal tells how far it is; ends with a whole line whatever happens. */
export async function shown<T>(
  terminal: Terminal,
  work: (report: (event: RunEvent) => void) => Promise<T>,
): Promise<T> {
  try {
    return await work(terminal.progress);
  } finally {
    terminal.settle();
  }
}
