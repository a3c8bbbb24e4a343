import { expect, test } from 'vitest';
import { openClip } from '../../checkpoints/open.ts';
import { thingNames } from '../../data/emoji/emoji.ts';
import { openEngine } from '../../engine/ort-engine.ts';
import { fitBudget, fitTuning, leastTuning, measuredSpeed } from './budget.ts';
import { plannedStages } from './plan.ts';
import { cbptDefaults } from './purify.ts';
import { type PlannedStage, totalArithmetic, tuningStage, withTuning } from './stages.ts';

/** Multiplications and additions a second. */
const speed = 5e10;
const courses = ['something is found', 'nothing is found'];
const stagesOn = (stages: readonly PlannedStage[], course: string) =>
  stages.filter(({ onlyIf = course }) => onlyIf === course);

async function task(shots = 1600) {
  const [clip, classes] = await Promise.all([openClip('emoji-clip'), thingNames()]);
  const stages = await plannedStages(clip, classes, shots, cbptDefaults);
  /** A fifth of the time is not arithmetic. */
  const minutes = (arithmetic: number) => arithmetic / speed / 0.8 / 60;
  const tune = minutes(stages.find(({ name }) => name === tuningStage)!.arithmetic);
  const longest = Math.max(...courses.map((course) => minutes(totalArithmetic(stagesOn(stages, course)))));
  const views = minutes(stages.find(({ name }) => name === 'views')!.arithmetic);
  return { stages, longest, tune, views };
}

test('the plan names every stage that records steps, including the second start of a form', async () => {
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

test('with few pictures the first of the heats may run alone', async () => {
  const names = ({ stages }: { readonly stages: readonly PlannedStage[] }) => stages.map(({ name }) => name);
  const [few, many] = [names(await task(1599)), names(await task())];
  expect(few.filter((name) => !many.includes(name))).toEqual(['invert-patch-alone', 'invert-patch-alone-features']);
});

test('with enough time all steps are taken', async () => {
  const { stages, longest } = await task();
  expect(fitBudget(stages, speed, 10 * longest, 0)).toBe(1);
});

test('with less time tuning has fewer steps, so that the longest course still fits, for any finding', async () => {
  const { stages, longest, tune } = await task();
  expect(fitBudget(stages, speed, longest - 0.25 * tune, 0)).toBeCloseTo(0.75, 6);
  expect(fitBudget(stages, speed, longest - 0.875 * tune + 1e-6, 0)).toBeCloseTo(0.125, 3);
  for (const course of courses) {
    expect(totalArithmetic(stagesOn(withTuning(stages, 0.75), course)) / speed / 0.8 / 60).toBeLessThanOrEqual(
      longest - 0.25 * tune + 1e-9,
    );
  }
});

test('inversion is never shortened: a budget too small for it is refused, with the minutes that are needed', async () => {
  const { stages, longest, tune } = await task();
  // So slow that rounding to whole minutes hardly matters.
  const slow = speed / 10_000;
  const least = Math.ceil(10_000 * (longest - 0.875 * tune));
  expect(() => fitBudget(stages, slow, 0.5 * least, 0)).toThrow(
    new RegExp(`--budget: found ${0.5 * least} minutes, expected at least ${least} for this model`),
  );
  expect(fitBudget(stages, slow, least, 0)).toBeCloseTo(0.125, 3);
  // Minutes spent on opening count.
  expect(fitBudget(stages, slow, least + 7, 7)).toBeCloseTo(0.125, 3);
  expect(() => fitBudget(stages, slow, least, 7)).toThrow(`expected at least ${least + 7} for this model`);
});

test('the speed of the machine is measured in seconds', async () => {
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const measured = await measuredSpeed(engine, await openClip('emoji-clip'));
  await engine.close();
  expect(measured).toBeGreaterThan(1e8);
  expect(measured).toBeLessThan(1e14);
});

test('tuning takes the time that inversion has left', async () => {
  const { stages, tune, views } = await task();
  expect(fitTuning(stages, speed, 60 * (views + 1.01 * tune))).toBe(1);
  expect(fitTuning(stages, speed, 60 * (views + 0.5 * tune))).toBeCloseTo(0.5, 9);
  expect(fitTuning(stages, speed, -60)).toBeLessThan(leastTuning);
});
