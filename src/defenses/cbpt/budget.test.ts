import { expect, test } from 'vitest';
import { openClip } from '../../checkpoints/open.ts';
import { thingNames } from '../../data/emoji.ts';
import { openEngine } from '../../engine/ort-engine.ts';
import { fitBudget, measuredSpeed } from './budget.ts';
import { plannedStages } from './plan.ts';
import { cbptDefaults } from './purify.ts';

const shots = 1600;
/** Multiplications and additions a second. */
const speed = 5e10;

async function task() {
  const [clip, classes] = await Promise.all([openClip('emoji-clip'), thingNames()]);
  const within = (minutes: number) => fitBudget(clip, classes, shots, cbptDefaults, speed, minutes);
  const stages = plannedStages(clip, classes, shots, cbptDefaults);
  return { within, stages, minutes: stages.reduce((sum, { arithmetic }) => sum + arithmetic, 0) / speed / 60 };
}

test('the plan names every stage that tells its steps, the second start of a form as well', async () => {
  const { stages } = await task();
  expect(stages.map(({ name }) => name)).toEqual([
    'prompts',
    'features',
    'invert-sparse',
    'invert-sparse-features',
    'invert-sparse-2',
    'invert-sparse-2-features',
    'invert-patch',
    'invert-patch-features',
    'invert-waves',
    'invert-waves-features',
    'tune',
  ]);
});

test('with time enough everything is done as asked', async () => {
  const { within, minutes } = await task();
  const { forms, inversion, tuning } = cbptDefaults;
  expect(within(10 * minutes)).toEqual({ forms, inversionSteps: inversion.steps, tuningSteps: tuning.steps });
});

test('with less time there are fewer steps of both stages, then no second start, and never more than asked for', async () => {
  const { within, minutes } = await task();
  const { forms, inversion, tuning } = cbptDefaults;
  const half = within(0.8 * minutes);
  expect(half.forms).toEqual(cbptDefaults.forms);
  expect(half.inversionSteps).toBeLessThan(inversion.steps);
  expect(half.inversionSteps).toBeGreaterThan(0.2 * inversion.steps);
  expect(half.tuningSteps / half.inversionSteps).toBeCloseTo(tuning.steps / inversion.steps, 0);
  const short = within(0.3 * minutes);
  expect(short.forms).toEqual([...new Set(forms)]);
  expect(short.tuningSteps).toBeGreaterThanOrEqual(0.2 * tuning.steps);
});

test('a budget that nothing fits into is refused, with what is needed', async () => {
  const { within, minutes } = await task();
  expect(() => within(0.01 * minutes)).toThrow(/--budget.*expected at least \d+ for 100 classes and 1600 shots/s);
});

test('the speed of the machine is measured in seconds', async () => {
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const measured = await measuredSpeed(engine, await openClip('emoji-clip'));
  await engine.close();
  expect(measured).toBeGreaterThan(1e8);
  expect(measured).toBeLessThan(1e14);
});
