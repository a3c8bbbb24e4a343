import { expect, test } from 'vitest';
import { openEngine } from '../engine/ort-engine.ts';
import { add, mul } from '../graph/elementwise.ts';
import { input } from '../graph/leaves.ts';
import { sum } from '../graph/reduction.ts';
import type { Checkpoint, Recorder, RunEvent } from '../runs/recorder.ts';
import { float32 } from '../tensor/tensor.ts';
import { type Optimisation, optimise, scalar } from './optimise.ts';

/** x <- 0.9 x + step: the result depends on every step and its order. */
function counting(steps: number): Optimisation {
  const x = input('x', [2]);
  const next = add(mul(x, 0.9), input('step', [2]));
  return {
    stage: 'count',
    graph: { outputs: { loss: sum(next) }, state: { x: { input: x, next } } },
    start: { x: float32([1, 2], [2]) },
    steps,
    saveEvery: 3,
    feeds: (step) => ({ step: float32([step, step], [2]) }),
    measure: (_step, outputs) => ({ loss: scalar(outputs.loss) }),
  };
}

function memory(stopAfter = Number.POSITIVE_INFINITY) {
  const controller = new AbortController();
  const events: RunEvent[] = [];
  let saved: Checkpoint | undefined;
  const recorder = (): Recorder => ({
    record(event) {
      events.push(event);
      if (event.step === stopAfter) controller.abort(new Error('stopped by the test'));
    },
    async save(_stage, checkpoint) {
      saved = structuredClone(checkpoint);
    },
    restore: async () => saved,
    signal: controller.signal,
  });
  return { recorder, events, saved: () => saved };
}

test('a run stopped at any step and resumed ends with the same state, bit for bit', async () => {
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const whole = await optimise(engine, counting(8), memory().recorder());
  for (const stopAfter of [1, 2, 3, 5, 7]) {
    const first = memory(stopAfter);
    await expect(optimise(engine, counting(8), first.recorder())).rejects.toThrow('stopped by the test');
    expect(first.saved()?.step).toBe(stopAfter);
    const second = memory();
    const resumed = await optimise(engine, counting(8), { ...second.recorder(), restore: async () => first.saved() });
    expect(resumed.x).toEqual(whole.x);
    expect(second.events.map(({ step }) => step)).toEqual(
      Array.from({ length: 8 - stopAfter }, (_, i) => stopAfter + 1 + i),
    );
  }
  await engine.close();
});

test('a finished stage is not run again', async () => {
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const done = memory();
  const state = await optimise(engine, counting(4), done.recorder());
  const again = memory();
  const restored = await optimise(engine, counting(4), { ...again.recorder(), restore: async () => done.saved() });
  expect(restored).toEqual(state);
  expect(again.events).toEqual([]);
  await engine.close();
});

test('an error in the next batch ends the run with that error', async () => {
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const failing: Optimisation = {
    ...counting(8),
    feeds: (step) => {
      if (step === 3) throw new Error('no third batch');
      return counting(8).feeds(step);
    },
  };
  await expect(optimise(engine, failing, memory().recorder())).rejects.toThrow('no third batch');
  await engine.close();
});
