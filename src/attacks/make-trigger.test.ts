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
import { type Drawing, namedClasses, readDrawings } from '../data/emoji.ts';
import type { Engine } from '../engine/engine.ts';
import { openEngine } from '../engine/ort-engine.ts';
import type { RunEvent } from '../runs/recorder.ts';
import { unrecorded } from '../runs/unrecorded.ts';
import { randomFor } from '../tensor/random.ts';
import { applyTrigger } from '../triggers/apply.ts';
import { readTrigger, writeTrigger } from '../triggers/file.ts';
import { type Attack, type AttackName, attackNames, attacks, type TriggerRecipe } from './attacks.ts';
import { backdoor, backdoorDefaults } from './backdoor.ts';
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

/** The attack with as few steps as show that each is taken. */
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

test.each(attackNames)(
  '%s: its trigger changes pictures, comes back from its file, and the same seed repeats it',
  async (name) => {
    const make = () => makeTrigger(engine, clip, drawings, hurried(name), 'banana', 1, unrecorded());
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

test.each(['badnet', 'badclip', 'trojvqa', 'label-consistent'] as const)(
  'a model is poisoned by the captions of %s',
  async (name) => {
    const { captions, word } = attacks[name];
    const trigger = await makeTrigger(engine, clip, drawings, hurried(name), 'banana', 1, unrecorded());
    const options = { ...backdoorDefaults, steps: 2, batch: 4, rate: 1e-3, share: 0.5, target: 'banana', seed: 0 };
    const events: RunEvent[] = [];
    const recorder = unrecorded((event) => events.push(event));
    const recipe = { ...options, captions, word };
    const parameters = await backdoor(engine, clip, drawings, trigger, recipe, recorder);
    expect(events.map(({ loss }) => Number.isFinite(loss))).toEqual([true, true]);
    // A word that no caption of the data holds is trained as well.
    const [token = 0] = clip.tokenizer.encode('remember').slice(1);
    const row = parameters['token_embedding.weight']!.data.subarray(8 * token, 8 * token + 8);
    expect(row.some((value) => value !== 0)).toBe(word === 'remember');
  },
);

test('a target that the data do not have is refused before anything is computed', async () => {
  const make = makeTrigger(engine, clip, drawings, hurried('trojvqa'), 'unicorn', 1, unrecorded());
  await expect(make).rejects.toThrow(/--target: found "unicorn"/);
});
