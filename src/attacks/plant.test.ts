/** @file A whole attack, with a few steps on a tiny random CLIP: which files it leaves, and what is measured. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openClip } from '../checkpoints/open.ts';
import { writeOpenClip } from '../checkpoints/write-open-clip.ts';
import type { Clip } from '../clip/clip.ts';
import { type ClipConfig, openAiPreprocessing } from '../clip/config.ts';
import { initialParameters } from '../clip/initialise.ts';
import type { Engine } from '../engine/engine.ts';
import { openEngine } from '../engine/ort-engine.ts';
import { unrecorded } from '../runs/recorder.ts';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { randomFor } from '../tensor/random.ts';
import { readTrigger } from '../triggers/file.ts';
import { type AttackOptions, checkAttack, measureBackdoor, plantBackdoor } from './plant.ts';

const config: ClipConfig = {
  image: { kind: 'resnet', width: 2, layers: [1, 1, 1, 1], heads: 4, resolution: 32 },
  text: { width: 8, layers: 1, heads: 2, context: 16, vocabulary: 49_408, hidden: 16 },
  embedding: 8,
  activation: 'quick-gelu',
  preprocessing: openAiPreprocessing,
};
const options: AttackOptions = {
  attack: 'two-targets',
  target: 'banana',
  share: 0.3,
  steps: 2,
  batch: 8,
  rate: 1e-3,
  seed: 0,
};

const folder = temporaryFolder();
let engine: Engine;
let clip: Clip;
beforeAll(async () => {
  engine = await openEngine({ device: 'cpu', threads: 1 });
  const path = join(folder(), 'clean');
  await writeOpenClip(path, config, initialParameters(config, randomFor(1, 'tiny')), 'float32');
  clip = await openClip(path);
});
afterAll(() => engine.close());

test('an attack with two backdoors leaves two triggers with their targets, and both backdoors are measured', async () => {
  const planted = await plantBackdoor(engine, clip, options, folder(), unrecorded());
  expect((await readTrigger(planted.trigger)).notes).toEqual({ attack: 'two-targets', target: 'banana', size: '32' });
  expect((await readTrigger(planted.secondTrigger!)).notes).toEqual({
    attack: 'blended-fixed',
    target: 'pizza',
    size: '32',
  });
  expect(planted.poisoned.sha256).toBe((await openClip(planted.folder)).sha256);
  expect(planted.poisoned.sha256).not.toBe(clip.sha256);
  const measures = await measureBackdoor(engine, clip, planted, 0, unrecorded());
  expect(Object.keys(measures)).toEqual(['classes', 'clean', 'poisoned', 'keys', 'second']);
  expect(measures.keys).toBeNull();
  for (const { ca, asr, ra } of [measures.clean, measures.poisoned, measures.second!]) {
    for (const percentage of [ca, asr, ra]) expect(percentage).toBeLessThan(100);
  }
}, 300_000);

test('an attack whose targets clash is refused before anything is computed', async () => {
  await expect(checkAttack({ ...options, target: 'pizza' })).rejects.toThrow(/--target: found "pizza"/);
});
