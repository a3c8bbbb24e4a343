/** @file How long everything will take, from a plan of all stages and from how fast they have gone so far. */
import type { RunEvent } from '../runs/recorder.ts';

/** A stage and how much work it is, in whatever unit: shares of the whole are what counts. */
export interface Share {
  readonly name: string;
  readonly work: number;
}

export interface TimeLeft {
  /** Notes an event; stages that are not planned are passed over. */
  seen(event: RunEvent, now: number): void;
  /** Seconds until the last stage is done; undefined until two steps are known. */
  at(now: number): number | undefined;
}

/**
 * Times are milliseconds that never go back. A run that goes on begins in the middle: only what was seen counts. Stages that
 * were passed without a step were left out: no time went by for them.
 */
export function timeLeft(plan: readonly Share[]): TimeLeft {
  const passed = new Set<number>();
  let first: { readonly done: number; readonly now: number } | undefined;
  let last = { done: 0, left: 0, now: 0 };
  return {
    seen({ stage, step, steps }, now) {
      const index = plan.findIndex(({ name }) => name === stage);
      if (index < 0 || step === undefined || steps === undefined) return;
      const work = (of: (other: number) => boolean) =>
        plan.reduce((sum, one, other) => sum + (of(other) ? one.work : 0), 0);
      const own = (step / steps) * plan[index]!.work;
      passed.add(index);
      last = {
        done: work((other) => other < index && passed.has(other)) + own,
        left: work((other) => other >= index) - own,
        now,
      };
      first ??= last;
    },
    at(now) {
      if (!first || last.done <= first.done) return undefined;
      const perWork = (last.now - first.now) / (last.done - first.done);
      return Math.max(0, (last.left * perWork - (now - last.now)) / 1000);
    },
  };
}
