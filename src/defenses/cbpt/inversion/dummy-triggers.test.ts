import { expect, test } from 'vitest';
import { openClip } from '../../../checkpoints/open.ts';
import { plainPrompt } from '../../../data/classes.ts';
import { thingNames } from '../../../data/emoji/emoji.ts';
import { openPictureSet } from '../../../data/open.ts';
import { openEngine } from '../../../engine/ort-engine.ts';
import { type RunEvent, unrecorded } from '../../../runs/recorder.ts';
import { seeShots } from '../../seen-shots.ts';
import { type Belief, beliefInAll, invertForms, isBelieved, searchDefaults, sureFrom } from './dummy-triggers.ts';
import type { DummyTrigger } from './examine.ts';
import { type Form, formNames } from './forms.ts';

/** Concentrations that were measured: docs/ablations.md, "Concentration". */
test.each([
  ['sparse', 'clean', 0.384, false],
  ['sparse', 'badclip, the wrong class', 0.782, false],
  ['sparse', 'ssba', 0.944, true],
  ['patch', 'clean', 0.669, false],
  ['patch', 'trojvqa', 0.905, true],
  ['waves', 'clean', 0.193, false],
  ['waves', 'badnet-fixed', 0.603, false],
  ['waves', 'sig, all classes', 0.867, true],
  ['blend', 'clean', 0.494, false],
  ['blend', 'blended-strong', 0.837, true],
  ['elsewhere', 'ssba, which has one backdoor', 0.832, false],
  ['elsewhere', 'two-targets', 0.977, true],
] as const)(
  'a trigger of the form %s on the model %s with a concentration of %d: believed %s',
  (form, _, concentration, believed) => {
    expect(isBelieved({ form, concentration }, searchDefaults.belief)).toBe(believed);
  },
);

async function inverted(forms: readonly Form[], belief: Belief) {
  const events: RunEvent[] = [];
  const clip = await openClip('emoji-clip');
  const classes = (await thingNames()).slice(0, 11);
  const shots = await openPictureSet('emoji:train', { classes, config: clip.config, shots: { perClass: 1, seed: 1 } });
  const inversion = { ...searchDefaults.inversion, steps: 2, batch: 8, patchBatch: 8 };
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const recorder = unrecorded((event) => events.push(event));
  const defender = { engine, clip, shots, seed: 1, recorder };
  const seen = await seeShots(defender, [plainPrompt]);
  const found = await invertForms(defender, seen, { forms, belief, inversion });
  await engine.close();
  return { ...found, events };
}

const namesOf = (dummies: readonly { readonly name: string }[]) => dummies.map(({ name }) => name);

test('waves and a blend are sought only where no earlier form is believed', async () => {
  const found = await inverted(['sparse', 'waves', 'blend'], beliefInAll);
  expect(namesOf(found.used)).toEqual(['sparse']);
  for (const stage of ['invert-waves-result', 'invert-blend-result']) {
    expect(found.events).toContainEqual({ stage, leftOut: 'a trigger is found already' });
  }
  const nothing = { ...beliefInAll, sparse: 2 };
  expect(namesOf((await inverted(['sparse', 'blend'], nothing)).used)).toEqual(['blend']);
}, 120_000);

test('with few pictures a backdoor by a patch is sure later than it is believed', () => {
  const sure = (form: Form, pictures: number) => sureFrom(form, searchDefaults.belief, pictures);
  expect(sure('patch', 1599)).toBeCloseTo(1.1 * searchDefaults.belief.patch, 12);
  expect(sure('patch', 1600)).toBe(searchDefaults.belief.patch);
  for (const form of formNames.filter((name) => name !== 'patch')) {
    expect(sure(form, 80), form).toBe(searchDefaults.belief[form]);
  }
});

test('the last resorts are still sought after a patch that is believed and not sure', async () => {
  const nothing = { ...beliefInAll, patch: 2 };
  const [{ name, concentration }] = (await inverted(['patch'], nothing)).dummies as [DummyTrigger];
  const barely = { ...beliefInAll, patch: concentration / 1.05 };
  expect(namesOf((await inverted(['patch', 'waves'], barely)).used)).toEqual([name, 'waves']);
  const surely = { ...beliefInAll, patch: concentration / 1.15 };
  expect(namesOf((await inverted(['patch', 'waves'], surely)).used)).toEqual([name]);
}, 120_000);

test('a form that is not believed from its first start has no second start', async () => {
  const nothing = { ...beliefInAll, sparse: 2 };
  expect(namesOf((await inverted(['sparse', 'sparse'], beliefInAll)).used)).toEqual(['sparse', 'sparse-2']);
  expect(namesOf((await inverted(['sparse', 'sparse'], nothing)).dummies)).toEqual(['sparse']);
}, 120_000);

test('another backdoor is sought only where one is found', async () => {
  const nothing = { ...beliefInAll, sparse: 2 };
  const both = await inverted(['sparse', 'elsewhere'], beliefInAll);
  expect(namesOf(both.used)).toEqual(['sparse', 'elsewhere']);
  const none = await inverted(['sparse', 'elsewhere'], nothing);
  expect(namesOf(none.dummies)).toEqual(['sparse']);
  expect(none.events).toContainEqual({
    stage: 'invert-elsewhere-result',
    leftOut: 'no trigger is found that another one could be beside',
  });
}, 120_000);
