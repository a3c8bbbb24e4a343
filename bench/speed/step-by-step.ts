/** @file Lets a long computation of the project through step by step, so that others can take their turn in between. */
import type { Recorder, RunEvent } from '../../src/runs/recorder.ts';

export interface Step {
  readonly milliseconds: number;
  /** What the computation recorded of the step. */
  readonly event: RunEvent;
}

export interface StepByStep<Result> {
  /** Does one step. The time of the first one is also that of all preparations. */
  next(): Promise<Step>;
  /** Lets the computation end, after its last step. */
  finish(): Promise<Result>;
}

/**
 * @param stage whose steps are counted
 * @param start a computation that saves after every step (`saveEvery: 1`): there it is held
 */
export function stepByStep<Result>(stage: string, start: (recorder: Recorder) => Promise<Result>): StepByStep<Result> {
  let began = 0;
  let step: Step | undefined;
  let arrive: (step: Step) => void;
  let goOn = () => {};
  let result: Promise<Result> | undefined;
  const recorder: Recorder = {
    record(event) {
      if (event.stage === stage) step = { milliseconds: performance.now() - began, event };
    },
    save: () =>
      new Promise((resolve) => {
        goOn = resolve;
        arrive(step!);
      }),
    restore: async () => undefined,
    signal: new AbortController().signal,
  };
  const ended = () => {
    throw new Error(`${stage} has no step left`);
  };
  return {
    async next() {
      const arrival = new Promise<Step>((resolve) => {
        arrive = resolve;
      });
      began = performance.now();
      goOn();
      result ??= start(recorder);
      return Promise.race([arrival, result.then(ended)]);
    },
    async finish() {
      goOn();
      return result!;
    },
  };
}
