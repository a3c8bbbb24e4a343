/** @file Methods that change every weight: they learn, repeat, go on where they stopped, and touch only what they should. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Clip } from '../clip/clip.ts';
import { loadParameters } from '../clip/load.ts';
import type { Engine } from '../engine/engine.ts';
import { openEngine } from '../engine/ort-engine.ts';
import { temporaryFolder } from '../tensor/temporary-folder.test-support.ts';
import { cleanClip } from './cleanclip.ts';
import { type BlindDefence, classifierOf, type DefenceTask } from './defense.ts';
import { fineTune } from './fine-tune.ts';
import { par } from './par.ts';
import type { Recipe } from './recipe.ts';
import { colouredShots, keeping, tinyClip } from './tiny-clip.test-support.ts';

const folder = temporaryFolder();
let engine: Engine;
let clip: Clip;
beforeAll(async () => {
  engine = await openEngine({ device: 'cpu', threads: 1 });
  clip = await tinyClip(folder());
});
afterAll(() => engine.close());

const shots = colouredShots();
const methods = [
  ['fine-tune', fineTune],
  ['cleanclip', cleanClip],
  ['par', par],
] as const satisfies readonly (readonly [string, BlindDefence<never>])[];

function task(recorder: DefenceTask['recorder'], seed = 1): DefenceTask {
  return { engine, clip, shots, templates: ['a photo of a {}.'], seed, recorder };
}

async function weights(method: BlindDefence<never>, change: Partial<Recipe>, given: DefenceTask) {
  // All three take a recipe and more; the more stays as it is.
  const cure = await (method as BlindDefence).run(given, { ...(method.defaults as object), ...change });
  if (cure.kind !== 'model') throw new Error('a method that tunes weights gives a model');
  return cure.parameters;
}

test.each(methods)('%s learns: its contrast falls, and every kind of weight has moved', async (_name, method) => {
  const { recorder, events } = keeping();
  const before = await loadParameters(clip.parameters);
  const after = await weights(method, { steps: 25, batch: 12, rate: 3e-3, saveEvery: 100 }, task(recorder));
  const contrast = events.map((event) => Number(event.pair ?? event.loss));
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(events).toHaveLength(25);
  expect(mean(contrast.slice(-5))).toBeLessThan(mean(contrast.slice(0, 5)) - 0.1);
  for (const name of ['visual.conv1.weight', 'visual.bn1.running_mean', 'text_projection', 'logit_scale']) {
    expect(after[name]!.data, name).not.toEqual(before[name]!.data);
  }
  expect(Object.keys(after).sort()).toEqual(Object.keys(before).sort());
});

test.each(methods)('%s leaves words alone that no caption holds', async (_name, method) => {
  const table = 'token_embedding.weight';
  const before = (await loadParameters(clip.parameters))[table]!;
  const after = (await weights(method, { steps: 2, batch: 6 }, task(keeping().recorder)))[table]!;
  const row = (tensor: typeof before, text: string) => {
    const token = clip.tokenizer.encode(text)[1]!;
    return tensor.data.slice(16 * token, 16 * token + 16);
  };
  expect(row(after, 'elephant')).toEqual(row(before, 'elephant'));
  expect(row(after, 'banana')).not.toEqual(row(before, 'banana'));
  const changed = [...after.data.keys()].filter((at) => after.data[at] !== before.data[at]);
  expect(new Set(changed.map((at) => Math.floor(at / 16))).size).toBeLessThan(100);
});

test.each(methods)('%s stopped after any step and gone on with gives the same weights, byte for byte', async (name, method) => {
  const short = { steps: 4, batch: 6, rate: 1e-3, saveEvery: 2 };
  const whole = await weights(method, short, task(keeping().recorder));
  expect(await weights(method, short, task(keeping().recorder))).toEqual(whole);
  expect(await weights(method, short, task(keeping().recorder, 2))).not.toEqual(whole);
  for (const step of [1, 3]) {
    const first = keeping(new Map(), { stage: name, step });
    await expect(weights(method, short, task(first.recorder))).rejects.toThrow('stopped');
    expect(first.saved.get(name)?.step).toBe(step);
    const second = keeping(first.saved);
    expect(await weights(method, short, task(second.recorder))).toEqual(whole);
    expect(second.events).toHaveLength(4 - step);
  }
});

test('new weights are written as a model, which classifies with the prompts that the old one had', async () => {
  const given = task(keeping().recorder);
  const parameters = await weights(fineTune, { steps: 2, batch: 12 }, given);
  const { clip: cured, head } = await classifierOf(given, { kind: 'model', parameters }, `${folder()}/cured`);
  expect(cured.sha256).not.toBe(clip.sha256);
  expect(cured.tokenizer).toBe(clip.tokenizer);
  expect(head.classes).toEqual(shots.classes);
  expect(await loadParameters(cured.parameters)).toEqual(parameters);
});

test('the same shots with fewer than a batch are all in every step', async () => {
  const { recorder, events } = keeping();
  await weights(fineTune, { steps: 2, batch: 64 }, task(recorder));
  expect(events.map(({ step }) => step)).toEqual([1, 2]);
});
