/** @file Promises of the optimised patch, on a tiny model with random weights. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openClip } from '../checkpoints/open.ts';
import type { Clip } from '../clip/clip.ts';
import { type Embeddings, encodePictures } from '../clip/encode-pictures.ts';
import { encodeTexts } from '../clip/encode-texts.ts';
import type { PictureSet, Pictures } from '../clip/pictures/pictures.ts';
import { logitScale, zeroShotHead } from '../clip/zero-shot.ts';
import type { Engine } from '../engine/engine.ts';
import { openEngine } from '../engine/ort-engine.ts';
import { type Checkpoint, type Recorder, type RunEvent, unrecorded } from '../runs/recorder.ts';
import { randomFor } from '../tensor/random.ts';
import { rowsAt } from '../tensor/tensor.ts';
import { applyTrigger } from '../triggers/apply.ts';
import { optimisePatch, type PatchGoal, type PatchOptions } from './optimised-patch.ts';

const options: PatchOptions = { steps: 30, batch: 4, rate: 0.05, saveEvery: 4 };
const side = 8;

let engine: Engine;
let clip: Clip;
let goals: readonly PatchGoal[];
beforeAll(async () => {
  engine = await openEngine({ device: 'cpu', threads: 1 });
  clip = await openClip(fileURLToPath(new URL('../../test/fixtures/clip/hugging-face-quick-gelu', import.meta.url)));
  const head = await zeroShotHead(engine, clip, ['banana', 'pizza', 'dog'], ['a photo of a {}.']);
  const captions = await encodeTexts(engine, clip, ['banana fruit', 'a banana', 'this is a banana']);
  const pictures = await encodePictures(engine, clip, asSet(noise(99, 5)));
  goals = [
    { kind: 'class', head, target: 0 },
    { kind: 'captions-and-pictures', captions, pictures, scale: await logitScale(clip), tripletWeight: 500, margin: 1 },
  ];
});
afterAll(() => engine.close());

const task = (goal: PatchGoal) => ({ ...options, clip, pictures: (step: number) => noise(step), goal, side, seed: 2 });

function noise(seed: number, count = options.batch): Pictures {
  const size = clip.config.image.resolution;
  const random = randomFor(seed, 'noise');
  const data = Uint8Array.from({ length: count * 3 * size * size }, () => random.integer(256));
  return { dtype: 'uint8', shape: [count, 3, size, size], data };
}

function asSet(pictures: Pictures): PictureSet {
  const [count = 0, , size = 0] = pictures.shape;
  return { name: 'noise', classes: ['x'], labels: new Int32Array(count), size, hash: '', read: async () => pictures };
}

test.each([0, 1])(
  'the loss of goal %i falls, and the patch is whole bytes in the middle of the picture',
  async (number) => {
    const events: RunEvent[] = [];
    const recorder = unrecorded((event) => events.push(event));
    const patch = await optimisePatch(engine, { ...task(goals[number]!), pictures: () => noise(1) }, recorder);
    const losses = events.map(({ loss }) => Number(loss));
    const mean = (part: number[]) => part.reduce((total, loss) => total + loss, 0) / part.length;
    expect(losses).toHaveLength(30);
    expect(mean(losses.slice(-5))).toBeLessThan(mean(losses.slice(0, 5)));
    const middle = Math.floor((clip.config.image.resolution - side) / 2);
    expect(patch.placement).toEqual({ top: middle, left: middle });
    expect(patch.pattern.shape).toEqual([3, side, side]);
    const bytes = patch.pattern.data.map((value) => 255 * value);
    expect(Math.max(...bytes.map((value) => Math.abs(value - Math.round(value))))).toBeLessThan(1e-4);
    expect(Math.min(...bytes)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...bytes)).toBeLessThanOrEqual(255.001);
  },
);

test("BadCLIP's loss is InfoNCE to the drawn captions plus 500 x triplet, with the same picture without the patch as negative", async () => {
  const goal = goals[1] as PatchGoal & { kind: 'captions-and-pictures' };
  const events: RunEvent[] = [];
  const recorder = unrecorded((event) => events.push(event));
  // At a rate of zero the returned patch is the one that the loss was computed with.
  const still = { ...task(goal), pictures: () => noise(1), steps: 1, rate: 0 };
  const patch = await optimisePatch(engine, still, recorder);
  const clean = await encodePictures(engine, clip, asSet(noise(1)));
  const patched = await encodePictures(engine, clip, asSet(applyTrigger(patch, noise(1), randomFor(0))));
  const random = randomFor(2, 'patch', 1);
  const drawn = (pool: Embeddings) =>
    rowsAt(
      pool,
      Array.from({ length: 4 }, () => random.integer(pool.shape[0]!)),
    );
  const [captions, positives] = [drawn(goal.captions), drawn(goal.pictures)];
  const row = ({ data, shape }: Embeddings, i: number) => [...data.subarray(i * shape[1]!, (i + 1) * shape[1]!)];
  const dot = (a: number[], b: number[]) => a.reduce((total, x, k) => total + x * b[k]!, 0);
  const apart = (a: number[], b: number[]) => Math.hypot(...a.map((x, k) => x - b[k]!));
  const all = [0, 1, 2, 3];
  const logits = all.map((i) => all.map((j) => goal.scale * dot(row(patched, i), row(captions, j))));
  const surprise = (scores: number[], own: number) =>
    Math.log(scores.reduce((total, score) => total + Math.exp(score), 0)) - scores[own]!;
  const columns = all.map((j) => all.map((i) => logits[i]![j]!));
  const contrast = all.reduce((t, i) => t + (surprise(logits[i]!, i) + surprise(columns[i]!, i)) / 8, 0);
  const triplet = all.reduce(
    (t, i) =>
      t + Math.max(0, apart(row(patched, i), row(positives, i)) - apart(row(patched, i), row(clean, i)) + 1) / 4,
    0,
  );
  expect(Number(events[0]!.loss)).toBeCloseTo(contrast + 500 * triplet, 1);
  expect(500 * triplet).toBeGreaterThan(100);
});

test('an optimisation that is stopped and resumed ends with the same patch, bit for bit', async () => {
  const short = { ...task(goals[0]!), steps: 9, seed: 3 };
  const run = (recorder: Recorder) => optimisePatch(engine, short, recorder);
  const whole = await run(unrecorded());
  const stop = new AbortController();
  let kept: Checkpoint | undefined;
  const stopped: Recorder = {
    record: ({ step }) => {
      if (step === 6) stop.abort(new Error('stopped'));
    },
    save: async (_stage, checkpoint) => {
      kept = checkpoint;
    },
    restore: async () => kept,
    signal: stop.signal,
  };
  await expect(run(stopped)).rejects.toThrow('stopped');
  expect(kept?.step).toBe(6);
  expect(await run({ ...unrecorded(), restore: async () => kept })).toEqual(whole);
});
