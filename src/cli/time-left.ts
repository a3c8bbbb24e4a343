/** @file Estimates the time left for all stages, from the plan of the stages and their speed so far. */
import { longestArithmetic, type PlannedStage, totalArithmetic } from '../defenses/cbpt/stages.ts';
import type { RunEvent } from '../runs/recorder.ts';

/** A stage, its amount of work, and its condition. Only ratios of the amounts count. */
export type Share = Pick<PlannedStage, 'name' | 'arithmetic' | 'onlyIf'>;

export interface TimeLeft {
  /** Notes an event; events of stages that are not planned are ignored. */
  seen(event: RunEvent, now: number): void;
  /** Seconds until the last stage is done; undefined without enough events, and in stages that are not planned. */
  at(now: number): number | undefined;
}

/** A measured speed weighs as much as this share of all work: the first stage alone says little about the others. */
const weightOfMeasurement = 0.1;

/**
 * Times are milliseconds that never go back. A resumed run starts in the middle: only the events of this process count.
 * Planned stages without an event were left out: they took no time.
 *
 * @param measured milliseconds for a unit of arithmetic, where the machine was measured before
 */
export function timeLeft(plan: readonly Share[], measured?: number): TimeLeft {
  const passed = new Set<Share>();
  const presumed = measured === undefined ? 0 : weightOfMeasurement * longestArithmetic(plan);
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
      const done = last.done - first.done + presumed;
      if (done <= 0) return undefined;
      const perWork = (last.now - first.now + presumed * (measured ?? 0)) / done;
      return Math.max(0, (last.left * perWork - (now - last.now)) / 1000);
    },
  };
}
