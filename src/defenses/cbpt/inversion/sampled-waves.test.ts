import { afterAll, beforeAll, expect, test } from 'vitest';
import { openClip } from '../../../checkpoints/open.ts';
import { zeroShotHead } from '../../../clip/zero-shot.ts';
import { thingNames } from '../../../data/emoji/emoji.ts';
import { openPictureSet } from '../../../data/open.ts';
import type { Engine } from '../../../engine/engine.ts';
import { openEngine } from '../../../engine/ort-engine.ts';
import { type RunEvent, unrecorded } from '../../../runs/recorder.ts';
import { isBelieved, searchDefaults } from './dummy-triggers.ts';
import { bestWaves, picturesEach, sampledPictures, sampleWaves } from './sampled-waves.ts';

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
    found: await sampleWaves({ engine, clip, shots, seed: 1, recorder }, head, { name: 'waves', form: 'waves' }),
    events,
  };
}

test('waves without any optimisation reach the target of a backdoor of stripes', async () => {
  const { found, events } = await sampled('emoji-clip:sig');
  expect(found.dominant).toBe('banana');
  expect(isBelieved(found, searchDefaults.belief)).toBe(true);
  // Far above what waves reach without a backdoor, in the next test.
  expect(found.concentration).toBeGreaterThan(0.85);
  const last = events.filter(({ stage }) => stage === 'invert-waves').at(-1);
  expect([last?.step, last?.steps]).toEqual([sampledPictures, sampledPictures]);
}, 120_000);

test('without a backdoor waves lead to no common class', async () => {
  const { found } = await sampled('emoji-clip');
  expect(found.concentration).toBeLessThan(0.7);
}, 120_000);

test('the winning class is the one that its best sixteen waves reach most often, not one that a single wave reaches', () => {
  const wave = (label: number, hits: number, rest: number) => [
    ...new Array<number>(hits).fill(label),
    ...new Array<number>(picturesEach - hits).fill(rest),
  ];
  const often = Array.from({ length: 20 }, (_, i) => wave(2, picturesEach - (i < 4 ? 1 : 2), 1));
  const predicted = [wave(0, picturesEach, 0), ...often].flat();
  const best = bestWaves(predicted, new Array<number>(predicted.length).fill(3), 4);
  expect(best).toHaveLength(16);
  expect(best.slice(0, 4)).toEqual([1, 2, 3, 4]);
  expect(best).not.toContain(0);
});

test('pictures that are predicted as their own class do not count for a wave, not even with two classes', () => {
  const half = picturesEach / 2;
  const labels = Array.from({ length: 40 }, () => [
    ...new Array<number>(half).fill(0),
    ...new Array<number>(half).fill(1),
  ]);
  // Twenty waves send most of class 0 to class 1, of which the model recognises half; twenty change no prediction.
  const effective = [1, 1, 1, 0, 0, 0, 1, 1];
  const idle = [0, 0, 0, 0, 1, 1, 1, 1];
  const predicted = Array.from({ length: 40 }, (_, wave) => (wave < 20 ? effective : idle));
  const best = bestWaves(predicted.flat(), labels.flat(), 2);
  expect(best).toHaveLength(16);
  for (const wave of best) expect(wave).toBeLessThan(20);
});

test('where no wave changes a prediction, the first sixteen are taken', () => {
  const labels = Array.from({ length: 20 * picturesEach }, (_, i) => i % 2);
  expect(bestWaves(labels, labels, 2)).toEqual(Array.from({ length: 16 }, (_, wave) => wave));
});
