import { afterAll, beforeAll, expect, test } from 'vitest';
import { openClip } from '../../../checkpoints/open.ts';
import { zeroShotHead } from '../../../clip/zero-shot.ts';
import { thingNames } from '../../../data/emoji/emoji.ts';
import { openPictureSet } from '../../../data/open.ts';
import type { Engine } from '../../../engine/engine.ts';
import { openEngine } from '../../../engine/ort-engine.ts';
import type { RunEvent } from '../../../runs/recorder.ts';
import { unrecorded } from '../../../runs/unrecorded.ts';
import { cbptDefaults } from '../purify.ts';
import { isBelieved } from './dummy-triggers.ts';
import { mostObeyed, picturesEach, sampledPictures, sampleWaves } from './sampled-waves.ts';

let engine: Engine;

beforeAll(async () => {
  engine = await openEngine({ device: 'cpu', threads: 1 });
}, 120_000);

afterAll(() => engine.close());

async function sampled(model: string) {
  const clip = await openClip(model);
  const classes = await thingNames();
  const shots = await openPictureSet('emoji:train', { classes, config: clip.config, shots: { perClass: 2, seed: 1 } });
  const head = await zeroShotHead(engine, clip, classes, ['a photo of a {}.']);
  const events: RunEvent[] = [];
  const recorder = unrecorded((event) => events.push(event));
  return {
    found: await sampleWaves(engine, clip, { shots, head }, { name: 'waves', form: 'waves' }, 1, recorder),
    events,
  };
}

test('the target of a backdoor of stripes is reached by waves that nobody optimised', async () => {
  const { found, events } = await sampled('emoji-clip:sig');
  expect(found.dominant).toBe('banana');
  expect(isBelieved(found, cbptDefaults.belief)).toBe(true);
  // Far from what waves reach without a backdoor, in the next test: nothing hangs on luck.
  expect(found.concentration).toBeGreaterThan(0.85);
  const told = events.filter(({ stage }) => stage === 'invert-waves').at(-1);
  expect([told?.step, told?.steps]).toEqual([sampledPictures, sampledPictures]);
}, 120_000);

test('without a backdoor waves do not agree on a class', async () => {
  const { found } = await sampled('emoji-clip');
  expect(found.concentration).toBeLessThan(0.7);
}, 120_000);

test('the class wins that its best sixteen waves reach most often, not the one that a single wave reaches', () => {
  const wave = (label: number, hits: number, rest: number) => [
    ...new Array<number>(hits).fill(label),
    ...new Array<number>(picturesEach - hits).fill(rest),
  ];
  const often = Array.from({ length: 20 }, (_, i) => wave(2, picturesEach - (i < 4 ? 1 : 2), 1));
  const predicted = [wave(0, picturesEach, 0), ...often].flat();
  const best = mostObeyed(predicted, new Array<number>(predicted.length).fill(3), 4);
  expect(best).toHaveLength(16);
  expect(best.slice(0, 4)).toEqual([1, 2, 3, 4]);
  expect(best).not.toContain(0);
});

test('pictures of a class that stay there do not speak for a wave: with two classes they would drown the true ones', () => {
  const half = picturesEach / 2;
  const labels = Array.from({ length: 40 }, () => [
    ...new Array<number>(half).fill(0),
    ...new Array<number>(half).fill(1),
  ]);
  // Twenty waves send half of class 0 to class 1, which itself is hardly known; twenty leave all of class 1 where it is.
  const obeyed = [1, 1, 1, 0, 0, 0, 1, 1];
  const idle = [0, 0, 0, 0, 1, 1, 1, 1];
  const predicted = Array.from({ length: 40 }, (_, wave) => (wave < 20 ? obeyed : idle));
  const best = mostObeyed(predicted.flat(), labels.flat(), 2);
  expect(best).toHaveLength(16);
  for (const wave of best) expect(wave).toBeLessThan(20);
});

test('a model that no wave misleads gets the first sixteen', () => {
  const labels = Array.from({ length: 20 * picturesEach }, (_, i) => i % 2);
  expect(mostObeyed(labels, labels, 2)).toEqual(Array.from({ length: 16 }, (_, wave) => wave));
});
