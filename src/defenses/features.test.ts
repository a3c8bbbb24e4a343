/** @file Promises of embeddings that are kept: computed once, found by what they are of, resumed where they stopped. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Clip } from '../clip/clip.ts';
import { encodePictures } from '../clip/encode-pictures.ts';
import type { PictureSet } from '../clip/pictures/pictures.ts';
import { subset } from '../data/few-shot.ts';
import { encodeTest } from '../evaluation/evaluate.ts';
import { openFeatureCache } from '../runs/feature-cache.ts';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { badnetFixed } from '../triggers/badnet.ts';
import { triggering } from '../triggers/transform.ts';
import { cachedFeatures, ownFeatures } from './features.ts';
import { colouredShots, keeping, openedTinyClip } from './tiny-clip.test-support.ts';

const folder = temporaryFolder();
const tiny = openedTinyClip(folder);

/** `count` coloured pictures, and the positions that were read. */
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

/** A run of its own, as a new process has it, over the same folder of embeddings. */
function openRunOver(name: string) {
  const { recorder, events, saved } = keeping();
  const features = openFeatureCache(join(folder(), name), { code: 'c' }, (problem) => {
    throw problem;
  });
  return { recorder: { ...recorder, features }, events, saved };
}

test('a second run over the same model and pictures reads no picture, whichever method asks', async () => {
  const { shots, read } = watched(100);
  const threat = { trigger: badnetFixed(shots.size, 1), target: 'banana' };
  const first = openRunOver('shared');
  const clean = await cachedFeatures(tiny.engine, tiny.clip, shots, 'features', first.recorder);
  expect(clean).toEqual(await encodePictures(tiny.engine, tiny.clip, shots));
  const tested = await encodeTest(tiny.engine, tiny.clip, shots, threat, 0, first.recorder);
  expect(first.saved.size).toBe(0);

  read.length = 0;
  const second = openRunOver('shared');
  expect(await cachedFeatures(tiny.engine, tiny.clip, shots, 'features', second.recorder)).toEqual(clean);
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
  await cachedFeatures(tiny.engine, tiny.clip, shots, 'known', recorder, drawn(1));
  const { config } = tiny.clip;
  const mean: [number, number, number] = [0.5, 0.5, 0.5];
  const other: Clip = { ...tiny.clip, config: { ...config, preprocessing: { ...config.preprocessing, mean } } };
  const reversed = subset(shots, [...shots.labels.keys()].reverse());
  for (const again of [
    () => cachedFeatures(tiny.engine, tiny.clip, shots, 'known', recorder, drawn(2)),
    () => cachedFeatures(tiny.engine, other, shots, 'known', recorder, drawn(1)),
    () => cachedFeatures(tiny.engine, tiny.clip, reversed, 'known', recorder, drawn(1)),
    () => cachedFeatures(tiny.engine, tiny.clip, shots, 'known', recorder),
  ]) {
    read.length = 0;
    await again();
    expect(read).toHaveLength(12);
  }
  expect(await readdir(join(folder(), 'differing'))).toHaveLength(5);
});

test("pictures that are a run's own are not kept for others, although it keeps embeddings for them", async () => {
  const { shots } = watched(12);
  const { recorder, saved } = openRunOver('own');
  await ownFeatures(tiny.engine, tiny.clip, shots, 'dummy', recorder);
  expect(saved.get('dummy')?.step).toBe(12);
  await expect(readdir(join(folder(), 'own'))).rejects.toThrow('ENOENT');
});

test('without a store the rows so far are a checkpoint, and a resumed run reads the others alone', async () => {
  const { shots, read } = watched(200);
  const drawn = { trigger: badnetFixed(shots.size, 1), seed: 5, path: ['dummy', 'apply'] };
  const whole = await encodePictures(tiny.engine, tiny.clip, shots, {
    transform: triggering(drawn.trigger, 5, 'dummy', 'apply'),
  });
  const first = keeping(new Map(), { stage: 'dummy', step: 128 });
  await expect(ownFeatures(tiny.engine, tiny.clip, shots, 'dummy', first.recorder, drawn)).rejects.toThrow('stopped');
  expect(first.saved.get('dummy')?.step).toBe(128);

  read.length = 0;
  const second = keeping(first.saved);
  expect(await ownFeatures(tiny.engine, tiny.clip, shots, 'dummy', second.recorder, drawn)).toEqual(whole);
  expect(read).toEqual(Array.from({ length: 72 }, (_, i) => 128 + i));
  read.length = 0;
  expect(await ownFeatures(tiny.engine, tiny.clip, shots, 'dummy', keeping(second.saved).recorder, drawn)).toEqual(
    whole,
  );
  expect(read).toEqual([]);
});
