/** @file The one training loop: runs a graph's step many times, records, saves, stops on a signal and resumes. */
import type { Engine, Program, Tensors } from '../engine/engine.ts';
import type { Graph } from '../graph/graph.ts';
import type { Recorder, RunEvent } from '../runs/recorder.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface Optimisation {
  /** Names events and checkpoints. */
  readonly stage: string;
  /** One step: reads and replaces its state. A program instead of a graph where one graph would need too much memory. */
  readonly graph: Graph | ((engine: Engine) => Promise<Program>);
  /** State before the first step. */
  readonly start: Tensors;
  readonly steps: number;
  /** Steps between checkpoints. */
  readonly saveEvery: number;
  /** Inputs of a step, counted from 1. Must depend on nothing but the step, so that a resumed run repeats them. */
  readonly feeds: (step: number) => Tensors | Promise<Tensors>;
  /** The event of a step, if any. `outputs` are the graph's; `state` reads the engine's state. */
  readonly measure: (
    step: number,
    outputs: Tensors,
    state: () => Promise<Tensors>,
  ) => Omit<RunEvent, 'stage'> | undefined | Promise<Omit<RunEvent, 'stage'> | undefined>;
}

/**
 * Runs to the last step, from the stage's checkpoint where there is one.
 *
 * @returns the state after the last step
 * @throws the reason of `recorder.signal` when aborted, after saving
 */
export async function optimise(
  engine: Engine,
  optimisation: Optimisation,
  recorder: Recorder,
): Promise<Record<string, Tensor>> {
  const { stage, graph, steps, saveEvery, feeds, measure } = optimisation;
  const earlier = await recorder.restore(stage);
  if (earlier && earlier.step >= steps) return { ...earlier.tensors };

  const program = await (typeof graph === 'function' ? graph(engine) : engine.compile(graph));
  try {
    await program.writeState(earlier?.tensors ?? optimisation.start);
    let done = earlier?.step ?? 0;
    const save = async () => recorder.save(stage, { step: done, tensors: await program.readState() });
    let upcoming = feeds(done + 1);
    while (done < steps) {
      if (recorder.signal.aborted) {
        await Promise.allSettled([upcoming]); // The caller may close its files when this returns.
        await save();
        throw recorder.signal.reason;
      }
      const running = program.run(await upcoming);
      // This thread makes the next batch while the engine runs on its own thread.
      if (done + 2 <= steps) upcoming = feeds(done + 2);
      const [outputs] = await Promise.all([running, upcoming]);
      done++;
      const event = await measure(done, outputs, () => program.readState());
      if (event) recorder.record({ stage, step: done, steps, ...event });
      if (done % saveEvery === 0 && done < steps) await save();
    }
    await save();
    return await program.readState();
  } finally {
    await program.release();
  }
}

/** The single number of a scalar tensor. */
export function scalar(tensor: Tensor | undefined): number {
  return Number(tensor?.data[0] ?? Number.NaN);
}
