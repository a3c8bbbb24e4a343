import { afterAll, beforeAll, expect, test } from 'vitest';
import { openClip } from '../../checkpoints/open.ts';
import type { Clip, Head } from '../../clip/clip.ts';
import { zeroShotHead } from '../../clip/zero-shot.ts';
import { thingNames } from '../../data/emoji.ts';
import { openPictureSet } from '../../data/open.ts';
import type { PictureSet } from '../../data/pictures.ts';
import type { Engine } from '../../engine/engine.ts';
import { openEngine } from '../../engine/ort-engine.ts';
import type { Checkpoint, Recorder, RunEvent } from '../../runs/recorder.ts';
import { raceClasses, raceRounds, runsOf } from './race.ts';

const options = { steps: 10, batch: 8, waveRate: 0.02, waveSparsity: 1 };
let engine: Engine;
let clip: Clip;
let head: Head;
let shots: PictureSet;

beforeAll(async () => {
  engine = await openEngine({ device: 'cpu', threads: 1 });
  clip = await openClip('emoji-clip');
  const classes = (await thingNames()).slice(0, 11);
  shots = await openPictureSet('emoji:train', { classes, config: clip.config, shots: { perClass: 1, seed: 1 } });
  head = await zeroShotHead(engine, clip, shots.classes, ['a photo of a {}.']);
}, 120_000);

afterAll(() => engine.close());

/** A recorder that keeps checkpoints, and is asked to stop after so many events. */
function keeping(checkpoints: Map<string, Checkpoint>, stopAfter = Number.POSITIVE_INFINITY) {
  const events: RunEvent[] = [];
  const stop = new AbortController();
  const recorder: Recorder = {
    record(event) {
      events.push(event);
      if (events.length === stopAfter) stop.abort(new Error('asked to stop'));
    },
    save: async (stage, checkpoint) => void checkpoints.set(stage, checkpoint),
    restore: async (stage) => checkpoints.get(stage),
    signal: stop.signal,
  };
  return { recorder, events };
}

const race = (recorder: Recorder) => raceClasses(engine, clip, { shots, head }, options, 1, 'invert-wave', recorder);

test('a race of a hundred classes goes on with a quarter, then with finalists, then with the winner alone', () => {
  expect(raceRounds(100, { steps: 100, batch: 64 })).toEqual([
    { candidates: 100, steps: 40, together: 50, pictures: 1 },
    { candidates: 25, steps: 20, together: 25, pictures: 2 },
    { candidates: 7, steps: 50, together: 7, pictures: 9 },
    { candidates: 1, steps: 20, together: 1, pictures: 64 },
  ]);
});

test.each([1, 2, 8, 9, 65, 1000, 1180])(
  'a race of %i classes ends with one, and no step is larger than a batch',
  (count) => {
    const rounds = raceRounds(count, { steps: 100, batch: 64 });
    expect(rounds.at(-1)).toMatchObject({ candidates: 1, together: 1, pictures: 64 });
    for (const round of rounds) {
      expect(round.together * round.pictures).toBeLessThanOrEqual(64);
      expect(round.pictures).toBeGreaterThanOrEqual(1);
      expect(runsOf(round) * round.together).toBeGreaterThanOrEqual(round.candidates * round.steps);
    }
  },
);

test('a race tells its steps as one stage that counts to its end, and names the finalists, the cheapest first', async () => {
  const { recorder, events } = keeping(new Map());
  const { trigger, finalists } = await race(recorder);
  expect(events.every(({ stage }) => stage === 'invert-wave')).toBe(true);
  expect(events.map(({ step }) => step)).toEqual(Array.from(events, (_, i) => i + 1));
  expect(events.at(-1)!.step).toBe(events.at(-1)!.steps);
  const costs = finalists.map(({ cost }) => cost);
  expect(finalists.length).toBe(3);
  expect(costs).toEqual([...costs].sort((a, b) => a - b));
  expect(trigger.delta.shape).toEqual([3, clip.config.image.resolution, clip.config.image.resolution]);
}, 120_000);

test.each([3, 9, 14])(
  'a race that is stopped after %i steps and goes on gives the same trigger, bit for bit',
  async (steps) => {
    const whole = await race(keeping(new Map()).recorder);
    const checkpoints = new Map<string, Checkpoint>();
    await expect(race(keeping(checkpoints, steps).recorder)).rejects.toThrow('asked to stop');
    const resumed = await race(keeping(checkpoints).recorder);
    expect(resumed).toEqual(whole);
  },
  120_000,
);

test('waves learn to reach the classes they run for', async () => {
  const { recorder, events } = keeping(new Map());
  const freely = { ...options, steps: 40, waveSparsity: 0 };
  await raceClasses(engine, clip, { shots, head }, freely, 1, 'race', recorder);
  const losses = events.map(({ loss }) => Number(loss));
  expect(losses.at(-1)!).toBeLessThan(losses[0]! / 2);
}, 120_000);
