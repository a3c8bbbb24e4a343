/** @file How long everything will take, from a plan of all stages and from how fast they have gone so far. */
import { longestArithmetic, type PlannedStage, totalArithmetic } from '../defenses/cbpt/stages.ts';
import type { RunEvent } from '../runs/recorder.ts';

/** A stage, how much work it is, and what it depends on: shares of the whole are what counts. */
export type Share = Pick<PlannedStage, 'name' | 'arithmetic' | 'onlyIf'>;

export interface TimeLeft {
  /** Notes an event; stages that are not planned are passed over. */
  seen(event: RunEvent, now: number): void;
  /** Seconds until the last stage is done; undefined until enough is known, and in stages that are not planned. */
  at(now: number): number | undefined;
}

/** What was reckoned counts as if this share of all work had been seen: the first stage alone says little of the others. */
const trustInReckoning = 0.1;

/**
 * Times are milliseconds that never go back. A run that goes on begins in the middle: only what was seen counts. Stages that
 * were passed without a step were left out: no time went by for them.
 *
 * @param reckoned milliseconds for a unit of arithmetic, where the machine was measured before
 */
export function timeLeft(plan: readonly Share[], reckoned?: number): TimeLeft {
  const passed = new Set<Share>();
  const trusted = reckoned === undefined ? 0 : trustInReckoning * longestArithmetic(plan);
  let planned = false;
  let first: { readonly done: number; readonly now: number } | undefined;
  let last = { done: 0, left: 0, now: 0 };
  return {
    seen({ stage, step, steps }, now) {
      const index = plan.findIndex(({ name }) => name === stage);
      planned = index >= 0;
      if (index < 0 || step === undefined || steps === undefined) return;
      const current = plan[index]!;
      const own = (step / steps) * current.arithmetic;
      passed.add(current);
      const before = plan.slice(0, index).filter((one) => passed.has(one));
      const course = plan.slice(0, index + 1).findLast((one) => one.onlyIf && passed.has(one))?.onlyIf;
      last = { done: totalArithmetic(before) + own, left: longestArithmetic(plan.slice(index), course) - own, now };
      first ??= last;
    },
    at(now) {
      if (!first || !planned) return undefined;
      const done = last.done - first.done + trusted;
      if (done <= 0) return undefined;
      const perWork = (last.now - first.now + trusted * (reckoned ?? 0)) / done;
      return Math.max(0, (last.left * perWork - (now - last.now)) / 1000);
    },
  };
}
