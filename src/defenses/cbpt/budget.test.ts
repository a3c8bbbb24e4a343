import { expect, test } from 'vitest';
import { openClip } from '../../checkpoints/open.ts';
import { thingNames } from '../../data/emoji.ts';
import { openEngine } from '../../engine/ort-engine.ts';
import { type Fitted, fitBudget, fitTuning, measuredSpeed } from './budget.ts';
import { plannedStages } from './plan.ts';
import { cbptDefaults } from './purify.ts';
import { stagesOn, totalArithmetic } from './stages.ts';

const shots = 1600;
/** Multiplications and additions a second. */
const speed = 5e10;

async function task() {
  const [clip, classes] = await Promise.all([openClip('emoji-clip'), thingNames()]);
  const options = cbptDefaults;
  const stages = await plannedStages(clip, classes, shots, options);
  return {
    /** @param pace multiplications and additions a second */
    within: (minutes: number, pace = speed) => fitBudget(clip, classes, shots, options, pace, minutes),
    tuningWithin: (seconds: number) => fitTuning(clip, classes, shots, options, speed, seconds),
    planned: ({ inversionSteps, tuningSteps }: Fitted) =>
      plannedStages(clip, classes, shots, {
        ...options,
        inversion: { ...options.inversion, steps: inversionSteps },
        tuning: { ...options.tuning, steps: tuningSteps },
      }),
    stages,
    minutes: totalArithmetic(stages) / speed / 60,
  };
}

test('the plan names every stage that tells its steps, the second start of a form as well', async () => {
  const { stages } = await task();
  expect(stages.map(({ name }) => name)).toEqual([
    'prompts',
    'features',
    'invert-sparse',
    'invert-sparse-features',
    'invert-sparse-more-features',
    'invert-sparse-2',
    'invert-sparse-2-features',
    'invert-sparse-2-more-features',
    'invert-patch-heats',
    'invert-patch',
    'invert-patch-features',
    'invert-patch-more-features',
    'invert-waves',
    'invert-waves-features',
    'invert-waves-more-features',
    'invert-blend',
    'invert-blend-features',
    'invert-blend-more-features',
    'invert-elsewhere',
    'invert-elsewhere-features',
    'invert-elsewhere-more-features',
    'views',
    'tune',
  ]);
});

test('with time enough everything is done as asked', async () => {
  const { within, minutes } = await task();
  const { inversion, tuning } = cbptDefaults;
  expect(await within(10 * minutes)).toEqual({ inversionSteps: inversion.steps, tuningSteps: tuning.steps });
});

test('with less time there are fewer steps of both stages, and never more than asked for', async () => {
  const { within, minutes } = await task();
  const { inversion, tuning } = cbptDefaults;
  const half = await within(0.5 * minutes);
  expect(half.inversionSteps).toBeLessThan(inversion.steps);
  expect(half.inversionSteps).toBeGreaterThan(0.2 * inversion.steps);
  expect(half.tuningSteps / half.inversionSteps).toBeCloseTo(tuning.steps / inversion.steps, 0);
});

test('a budget that nothing fits into is refused, with what is needed', async () => {
  const { within, minutes } = await task();
  await expect(within(0.01 * minutes)).rejects.toThrow(
    /--budget.*expected at least \d+ for 100 classes and 1600 shots/s,
  );
});

test('the time that is told to be enough is enough, whether something is found or not: waves take what they take', async () => {
  const { within, planned, stages } = await task();
  // So slow that a whole minute is a small part of it.
  const pace = totalArithmetic(stages) / 60 / 10_000;
  const least = await minutesToldBy(within(1, pace));
  const fitted = await planned(await within(least, pace));
  for (const course of ['something is found', 'nothing is found'] as const) {
    const taken = stagesOn(fitted, course);
    // A fifth of the time is no arithmetic; and steps are whole, of which one more is some percent of few.
    expect(totalArithmetic(taken) / pace / 60).toBeLessThan(1.1 * 0.8 * least);
  }
});

async function minutesToldBy(refused: Promise<Fitted>): Promise<number> {
  try {
    await refused;
  } catch (error) {
    return Number(/at least (\d+)/.exec(String(error))?.[1]);
  }
  throw new Error('it was not refused');
}

test('the speed of the machine is measured in seconds', async () => {
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const measured = await measuredSpeed(engine, await openClip('emoji-clip'));
  await engine.close();
  expect(measured).toBeGreaterThan(1e8);
  expect(measured).toBeLessThan(1e14);
});

test('tuning takes what inversion has left of the time, and never too few steps to converge', async () => {
  const { tuningWithin, stages } = await task();
  const needed = (stage: string) => totalArithmetic(stages.filter(({ name }) => name === stage)) / speed / 0.8;
  const { steps } = cbptDefaults.tuning;
  expect(await tuningWithin(1.01 * (needed('views') + needed('tune')))).toBe(steps);
  expect(await tuningWithin(needed('views') + 0.5 * needed('tune'))).toBe(0.5 * steps);
  expect(await tuningWithin(-60)).toBe(0.2 * steps);
});
