/** @file From a recipe to a trigger to a poisoned model: every kind of attack, a few steps, on a tiny random CLIP. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openClip } from '../checkpoints/open.ts';
import { writeOpenClip } from '../checkpoints/write-open-clip.ts';
import type { Clip } from '../clip/clip.ts';
import { type ClipConfig, openAiPreprocessing } from '../clip/config.ts';
import { initialParameters } from '../clip/initialise.ts';
import { loadParameters } from '../clip/load.ts';
import { type Drawing, namedClasses, readDrawings } from '../data/emoji/emoji.ts';
import type { Engine } from '../engine/engine.ts';
import { openEngine } from '../engine/ort-engine.ts';
import { type RunEvent, unrecorded } from '../runs/recorder.ts';
import { randomFor } from '../tensor/random.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { applyTrigger } from '../triggers/apply.ts';
import { readTrigger, writeTrigger } from '../triggers/file.ts';
import { type Attack, type AttackName, attackNames, attacks, type TriggerRecipe } from './attacks.ts';
import { type BackdoorOptions, backdoor, backdoorDefaults, checkPoisoning } from './backdoor.ts';
import { makeTrigger } from './make-trigger.ts';

const config: ClipConfig = {
  image: { kind: 'resnet', width: 4, layers: [1, 1, 1, 1], heads: 4, resolution: 64 },
  text: { width: 8, layers: 1, heads: 2, context: 16, vocabulary: 49_408, hidden: 16 },
  embedding: 8,
  activation: 'quick-gelu',
  preprocessing: openAiPreprocessing,
};

let folder: string;
let engine: Engine;
let clip: Clip;
let drawings: readonly Drawing[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'attacks-'));
  await writeOpenClip(folder, config, initialParameters(config, randomFor(1, 'tiny')), 'float32');
  clip = await openClip(folder);
  engine = await openEngine({ device: 'cpu', threads: 1 });
  drawings = await readDrawings(await namedClasses(['banana', 'pizza', 'dog', 'cat']), ['noto', 'fluent-emoji']);
});
afterAll(async () => {
  await engine.close();
  await rm(folder, { recursive: true });
});

/** The attack with two steps of every computation. */
function hurried(name: AttackName): Attack {
  const attack = attacks[name];
  return { ...attack, trigger: shortened(attack.trigger) };
}

function shortened(recipe: TriggerRecipe): TriggerRecipe {
  switch (recipe.kind) {
    case 'drawn':
      return recipe;
    case 'optimised':
      return { ...recipe, options: { ...recipe.options, steps: 2, batch: 4 } };
    case 'trained':
      return { ...recipe, options: { ...recipe.options, steps: 2, batch: 4 } };
  }
}

const triggerTask = (of: Clip, attack: Attack, target: string) => ({ clip: of, drawings, attack, target, seed: 1 });

test.each(attackNames)(
  'the trigger of %s changes pictures, is the same after writing and reading, and repeats with its seed',
  async (name) => {
    const make = () => makeTrigger(engine, triggerTask(clip, hurried(name), 'banana'), unrecorded());
    const trigger = await make();
    expect(await make()).toEqual(trigger);
    const path = join(folder, `${name}.safetensors`);
    await writeTrigger(path, trigger);
    expect((await readTrigger(path)).trigger).toEqual(trigger);
    const data = Uint8Array.from({ length: 3 * 64 * 64 }, (_, i) => 100 + 50 * Math.sin(i / 3));
    const picture = { dtype: 'uint8' as const, shape: [1, 3, 64, 64], data };
    const first = applyTrigger(trigger, picture, randomFor(3));
    expect(first.data).not.toEqual(data);
    expect(applyTrigger((await readTrigger(path)).trigger, picture, randomFor(3)).data).toEqual(first.data);
  },
);

const recipe: BackdoorOptions = {
  ...backdoorDefaults,
  steps: 2,
  batch: 4,
  rate: 1e-3,
  share: 0.5,
  target: 'banana',
  captions: 'templates',
  seed: 0,
};

/** Two steps of poisoning, and their recorded losses. */
async function poisonedBy(name: AttackName, of: Clip) {
  const { captions, word } = attacks[name];
  const trigger = await makeTrigger(engine, triggerTask(of, hurried(name), 'banana'), unrecorded());
  const events: RunEvent[] = [];
  const recorder = unrecorded((event) => events.push(event));
  const parameters = await backdoor(engine, { ...recipe, clip: of, drawings, trigger, captions, word }, recorder);
  return { parameters, losses: events.map(({ loss }) => loss) };
}

test.each(['badnet', 'badclip', 'trojvqa', 'label-consistent'] as const)(
  'two steps of poisoning with the captions of %s give finite losses and train the word only where there is one',
  async (name) => {
    const { parameters, losses } = await poisonedBy(name, clip);
    expect(losses.map(Number.isFinite)).toEqual([true, true]);
    // The attack's word is in no caption of the data: its embedding is trained only by the attack that uses it.
    const [token = 0] = clip.tokenizer.encode('remember').slice(1);
    const row = (of: Readonly<Record<string, Tensor<'float32'>>>) =>
      of['token_embedding.weight']!.data.slice(8 * token, 8 * token + 8);
    const before = row(await loadParameters(clip.parameters));
    expect(row(parameters).every((value, i) => value === before[i])).toBe(attacks[name].word !== 'remember');
  },
);

test.each(['badclip', 'label-consistent', 'ssba'] as const)(
  "%s poisons a model of other pictures than Emoji-CLIP's, at their own size",
  async (name) => {
    const larger = { ...config, image: { ...config.image, resolution: 96 } };
    const path = join(folder, `larger-${name}`);
    await writeOpenClip(path, larger, initialParameters(larger, randomFor(1, 'larger')), 'float32');
    const { losses } = await poisonedBy(name, await openClip(path));
    expect(losses.map(Number.isFinite)).toEqual([true, true]);
  },
);

test.each(['badnet', 'ssba', 'trojvqa'] as const)(
  'a target outside the data is refused before the trigger of %s is made',
  async (name) => {
    const make = makeTrigger(engine, triggerTask(clip, hurried(name), 'unicorn'), unrecorded());
    await expect(make).rejects.toThrow(/--target: found "unicorn"/);
  },
);

test('two backdoors need two different classes of the data, and shares of at most one half', async () => {
  const labels = ['banana', 'pizza'];
  expect(() => checkPoisoning(labels, 0.5, 'banana', 'pizza')).not.toThrow();
  expect(() => checkPoisoning(labels, 0.9, 'banana')).not.toThrow();
  expect(() => checkPoisoning(labels, 0.5, 'banana', 'dog')).toThrow(/--target: found "dog"/);
  expect(() => checkPoisoning(labels, 0.5, 'banana', 'banana')).toThrow(/"banana", expected another class than/);
  expect(() => checkPoisoning(labels, 0.6, 'banana', 'pizza')).toThrow(/--share: found 0.6, expected at most 0.5/);
  const trigger = await makeTrigger(engine, triggerTask(clip, attacks.badnet, 'banana'), unrecorded());
  const clash = { ...recipe, clip, drawings, trigger, second: { trigger, target: 'banana' } };
  await expect(backdoor(engine, clash, unrecorded())).rejects.toThrow(/another class than/);
});
