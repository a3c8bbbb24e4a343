/** @file Cells on a random CLIP: measures under a threat in two parts, and errors. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withWord, zeroShotHead } from '../clip/zero-shot.ts';
import { plainPrompt } from '../data/classes.ts';
import { type DefenseName, defenses } from '../defenses/defenses.ts';
import { tinyClip } from '../defenses/tiny-clip.test-support.ts';
import type { Engine } from '../engine/engine.ts';
import { openEngine } from '../engine/ort-engine.ts';
import { measureHead } from '../evaluation/evaluate.ts';
import { openFeatureCache } from '../runs/feature-cache.ts';
import { unrecorded } from '../runs/recorder.ts';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { float32 } from '../tensor/tensor.ts';
import { writeTrigger } from '../triggers/file.ts';
import type { Task } from './cell.ts';
import { type CellContext, type Computed, cellFunction } from './compute-cell.ts';
import { gatherMaterials } from './materials.ts';
import { DeadEngine } from './runners/worker-failures.ts';

const folder = temporaryFolder();
const word = 'remember';
let engine: Engine;
let context: CellContext;
let trigger: string;
beforeAll(async () => {
  engine = await openEngine({ device: 'cpu', threads: 1 });
  await tinyClip(folder());
  await writeFile(join(folder(), 'classes.txt'), 'banana\npizza\ndog face\n');
  trigger = join(folder(), 'trigger.safetensors');
  const pattern = float32(new Float32Array(3 * 16 * 16).fill(1), [3, 16, 16]);
  const patch = { kind: 'patch', pattern, placement: { top: 0, left: 0 } } as const;
  await writeTrigger(trigger, patch, { attack: 'trojvqa', target: 'banana', word });
  const features = openFeatureCache(join(folder(), 'features'), {}, (problem) => {
    throw problem;
  });
  context = { engine, materials: await gatherMaterials('cpu', defenses), features, defenses };
}, 300_000);
afterAll(() => engine.close());

function taskOf(defense: DefenseName, options: Task['options'], key: string): Task {
  return {
    attack: 'trojvqa',
    model: join(folder(), 'tiny'),
    trigger: trigger + key,
    target: null,
    defense,
    options,
    seed: 1,
    classes: join(folder(), 'classes.txt'),
    shots: 1,
    data: 'emoji:train',
    wrongLabels: 0,
    test: 'emoji:test',
    report: false,
  };
}

async function computed(defense: DefenseName, options: Task['options'], key: string): Promise<Computed> {
  let result: Computed | undefined;
  const compute = cellFunction(context, async (_, all) => {
    result = all;
  });
  await compute((await context.materials.identify(taskOf(defense, options, key))).cell, unrecorded());
  return result!;
}

test('of a threat with a patch and a word, each key is measured on its own, and CA without either', async () => {
  const both = await computed('none', {}, '');
  const patchAlone = await computed('none', {}, ':patch');
  const wordAlone = await computed('none', {}, ':word');
  const { clip, classes } = both.materials;
  const said = await zeroShotHead(engine, clip, classes.names, [withWord(word, plainPrompt)]);
  expect(both.classifying.underAttack).toEqual(said);
  expect(wordAlone.classifying.underAttack).toEqual(said);
  expect(patchAlone.classifying.underAttack).toBe(patchAlone.classifying.head);
  expect(wordAlone.test.triggered).toEqual(wordAlone.test.clean);
  expect(both.test.triggered).toEqual(patchAlone.test.triggered);
  for (const { measured, classifying, materials, test: embeddings } of [both, patchAlone, wordAlone]) {
    expect(measured.counts).toEqual(measureHead(classifying, embeddings, materials.threat));
    expect(measured.counts.ca).toEqual(both.measured.counts.ca);
  }
}, 300_000);

test('the word changes every head that is made of prompts, and no other', async () => {
  const { inversion, tuning, belief, removed } = {
    ...defenses.coop.defaults,
    ...defenses['text-projection'].defaults,
  };
  const reached: Partial<Record<DefenseName, Task['options']>> = {
    coop: { inversion: { ...inversion }, tuning: { ...tuning, steps: 2 }, forms: [], belief },
    'text-projection': { inversion: { ...inversion }, forms: [], belief, removed },
    'fine-tune': { ...defenses['fine-tune'].defaults, steps: 1, batch: 2 },
  };
  for (const [name, options] of Object.entries(reached)) {
    const { classifying } = await computed(name as DefenseName, options, '');
    expect(classifying.underAttack.embeddings, name).toHaveLength(classifying.head.embeddings.length);
    expect(classifying.underAttack.embeddings, name).not.toEqual(classifying.head.embeddings);
  }
  const probe = { ...defenses['linear-probe'].defaults, steps: 2, batch: 2 };
  const { classifying } = await computed('linear-probe', probe, '');
  expect(classifying.underAttack).toBe(classifying.head);
}, 300_000);

test('an engine that has ended is distinguished from a cell that fails', async () => {
  const { cell } = await context.materials.identify(taskOf('none', {}, ''));
  const gone = await openEngine({ device: 'cpu', threads: 1 });
  await gone.close();
  const onDeadEngine = cellFunction({ ...context, engine: gone }, async () => {})(cell, unrecorded());
  await expect(onDeadEngine).rejects.toBeInstanceOf(DeadEngine);
  await expect(onDeadEngine).rejects.toThrow(/^the engine: found that it computes no more/);

  const error = new Error('no page can be drawn of it');
  const failing = cellFunction(context, () => Promise.reject(error))(cell, unrecorded());
  await expect(failing).rejects.toBe(error);
}, 300_000);
