/** @file Stored embeddings are computed once, found by their inputs, and resumed where they stopped. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Clip } from '../clip/clip.ts';
import { encodePictures } from '../clip/encode-pictures.ts';
import type { PictureSet } from '../clip/pictures/pictures.ts';
import { subset } from '../data/few-shot.ts';
import { encodeTest } from '../evaluation/evaluate.ts';
import { openFeatureCache } from '../runs/feature-cache.ts';
import type { Recorder } from '../runs/recorder.ts';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { triggering } from '../triggers/apply.ts';
import { badnetFixed } from '../triggers/badnet.ts';
import { cachedFeatures, ownFeatures } from './features.ts';
import { colouredShots, keeping, openedTinyClip } from './tiny-clip.test-support.ts';

const folder = temporaryFolder();
const tiny = openedTinyClip(folder);
const tinyWith = (recorder: Recorder) => ({ engine: tiny.engine, clip: tiny.clip, recorder });

/** `count` coloured pictures, and the positions that have been read. */
function watched(count: number): { shots: PictureSet; read: number[] } {
  const few = colouredShots();
  const many = subset(
    few,
    Array.from({ length: count }, (_, i) => i % few.labels.length),
  );
  const read: number[] = [];
  const shots = {
    ...many,
    read: (positions: readonly number[]) => {
      read.push(...positions);
      return many.read(positions);
    },
  };
  return { shots, read };
}

/** A new run over a folder of embeddings, as a new process opens it. */
function openRunOver(name: string) {
  const { recorder, events, saved } = keeping();
  const features = openFeatureCache(join(folder(), name), { code: 'c' }, (problem) => {
    throw problem;
  });
  return { recorder: { ...recorder, features }, events, saved };
}

test('a second run over the same model and pictures reads no picture, for any method', async () => {
  const { shots, read } = watched(100);
  const threat = { trigger: badnetFixed(shots.size, 1), target: 'banana' };
  const first = openRunOver('shared');
  const clean = await cachedFeatures(tinyWith(first.recorder), shots, 'features');
  expect(clean).toEqual(await encodePictures(tiny.engine, tiny.clip, shots));
  const tested = await encodeTest(tiny.engine, tiny.clip, shots, threat, 0, first.recorder);
  expect(first.saved.size).toBe(0);

  read.length = 0;
  const second = openRunOver('shared');
  expect(await cachedFeatures(tinyWith(second.recorder), shots, 'features')).toEqual(clean);
  expect(await encodeTest(tiny.engine, tiny.clip, shots, threat, 0, second.recorder)).toEqual(tested);
  expect(read).toEqual([]);
  expect(tested.clean).toEqual(clean);
  expect(tested.triggered).not.toEqual(clean);
});

test('another seed of the trigger, another normalisation and other pictures are embedded anew', async () => {
  const { shots, read } = watched(12);
  const { recorder } = openRunOver('differing');
  const trigger = badnetFixed(shots.size, 1);
  const drawn = (seed: number) => ({ trigger, seed, path: ['known'] });
  await cachedFeatures(tinyWith(recorder), shots, 'known', drawn(1));
  const { config } = tiny.clip;
  const mean: [number, number, number] = [0.5, 0.5, 0.5];
  const other: Clip = { ...tiny.clip, config: { ...config, preprocessing: { ...config.preprocessing, mean } } };
  const reversed = subset(shots, [...shots.labels.keys()].reverse());
  for (const again of [
    () => cachedFeatures(tinyWith(recorder), shots, 'known', drawn(2)),
    () => cachedFeatures({ ...tinyWith(recorder), clip: other }, shots, 'known', drawn(1)),
    () => cachedFeatures(tinyWith(recorder), reversed, 'known', drawn(1)),
    () => cachedFeatures(tinyWith(recorder), shots, 'known'),
  ]) {
    read.length = 0;
    await again();
    expect(read).toHaveLength(12);
  }
  expect(await readdir(join(folder(), 'differing'))).toHaveLength(5);
});

test('embeddings that no other run can use stay out of the shared folder', async () => {
  const { shots } = watched(12);
  const { recorder, saved } = openRunOver('own');
  await ownFeatures(tinyWith(recorder), shots, 'dummy');
  expect(saved.get('dummy')?.step).toBe(12);
  await expect(readdir(join(folder(), 'own'))).rejects.toThrow('ENOENT');
});

test('without a store the rows so far are a checkpoint, and a resumed run reads only the others', async () => {
  const { shots, read } = watched(200);
  const drawn = { trigger: badnetFixed(shots.size, 1), seed: 5, path: ['dummy', 'apply'] };
  const whole = await encodePictures(tiny.engine, tiny.clip, shots, {
    transform: triggering(drawn.trigger, 5, 'dummy', 'apply'),
  });
  const first = keeping(new Map(), { stage: 'dummy', step: 128 });
  await expect(ownFeatures(tinyWith(first.recorder), shots, 'dummy', drawn)).rejects.toThrow('stopped');
  expect(first.saved.get('dummy')?.step).toBe(128);

  read.length = 0;
  const second = keeping(first.saved);
  expect(await ownFeatures(tinyWith(second.recorder), shots, 'dummy', drawn)).toEqual(whole);
  expect(read).toEqual(Array.from({ length: 72 }, (_, i) => 128 + i));
  read.length = 0;
  expect(await ownFeatures(tinyWith(keeping(second.saved).recorder), shots, 'dummy', drawn)).toEqual(whole);
  expect(read).toEqual([]);
});
