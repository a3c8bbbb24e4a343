/** @file Notes and progress on standard error, while a command works. */
import type { RunEvent } from '../runs/recorder.ts';
import { progressLine, type Rate, seen } from './progress-line.ts';
import { type Share, type TimeLeft, timeLeft } from './time-left.ts';

export interface Terminal {
  /** Prints a line that stays. */
  note(line: string): void;
  /** Starts to show work without steps. */
  activity(what: string): void;
  /** Shows an event: a line redrawn in place on a terminal, a plain line now and then elsewhere. */
  progress(event: RunEvent): void;
  /**
   * Sets all stages of the computation: from now on, progress shows the time left for all of them.
   *
   * @param measured milliseconds for a unit of arithmetic, where the machine was measured
   */
  plan(stages: readonly Share[], measured?: number): void;
  /** Ends the work shown: its last state stays as a line. */
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

/** A terminal with a height, for drawing on several lines. */
export interface Screen extends TerminalOptions {
  readonly rows: () => number;
}

/** More frequent redraws cost time and show nothing. Milliseconds, as below. */
const redrawEvery = 100;
/** The line moves during long steps as well, to show that the process is alive. */
const tickEvery = 250;
/** Plain lines go to logs: rarely enough to keep them short, often enough to show life. */
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
  let allStages: TimeLeft | undefined;
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
    const spinner = '|/-\\'[Math.floor(now() / tickEvery) % 4];
    // The last column stays free.
    const columns = Math.max(1, options.columns() - 1);
    const elapsed = now() - work.since;
    const news = progressLine(work.last, work.rate, now(), elapsed, allStages?.at(now()), columns - 2);
    options.write(`\r\x1b[K${`${spinner} ${news}`.slice(0, columns)}`);
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
      allStages?.seen(event, now());
      if (event.step === event.steps) settle();
      else if (now() - current.shownAt < (interactive ? redrawEvery : plainEvery)) return;
      else if (interactive) draw();
      else {
        line(progressLine(event, current.rate, now(), now() - current.since, allStages?.at(now())));
        current.shownAt = now();
        current.printed = true;
      }
    },
    plan(stages, measured) {
      allStages = timeLeft(stages, measured);
    },
    settle,
  };
}

/** Does the work while the terminal shows its progress; ends with a complete line whatever happens. */
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
