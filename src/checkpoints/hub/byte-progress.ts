/** @file Progress of downloading and reading, in bytes, reported only where it takes noticeably long. */
import type { RunEvent } from '../../runs/recorder.ts';

export type Report = (event: RunEvent) => void;

/** Milliseconds before the first event: most models are open by then. */
const firstAfter = 1000;
/** Milliseconds between events: often enough to show movement, seldom enough for a log file. */
const every = 500;

/** Reports bytes as events of a stage. The end is reported only after an earlier event. */
export function byteProgress(stage: string, report: Report | undefined): (done: number, all: number) => void {
  let due = performance.now() + firstAfter;
  let hasReported = false;
  return (done, all) => {
    const now = performance.now();
    if (!report || (now < due && !(hasReported && done === all))) return;
    hasReported = true;
    due = now + every;
    report({ stage, step: done, steps: all, unit: 'bytes' });
  };
}
