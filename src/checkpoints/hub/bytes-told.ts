/** @file How far fetching and reading are, told where they take long enough for anyone to ask. */
import type { RunEvent } from '../../runs/recorder.ts';

export type Report = (event: RunEvent) => void;

/** Most models are open before this: nothing is told of them. */
const patience = 1000;
/** Then often enough to see it move, and seldom enough to be written down. */
const every = 500;

/** Tells bytes as events of a stage. The last is told only if there was one before it. */
export function bytesTold(stage: string, report: Report | undefined): (done: number, all: number) => void {
  let due = performance.now() + patience;
  let told = false;
  return (done, all) => {
    const now = performance.now();
    if (!report || (now < due && !(told && done === all))) return;
    told = true;
    due = now + every;
    report({ stage, step: done, steps: all, unit: 'bytes' });
  };
}
