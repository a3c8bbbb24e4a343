import { expect, test } from 'vitest';
import { builtInTrigger } from '../../../checkpoints/built-in.ts';
import { openClip } from '../../../checkpoints/open.ts';
import { firstClasses, zeroShotHead } from '../../../clip/zero-shot.ts';
import { thingNames } from '../../../data/emoji/emoji.ts';
import { subset } from '../../../data/few-shot.ts';
import { openPictureSet } from '../../../data/open.ts';
import { openEngine } from '../../../engine/ort-engine.ts';
import { predict } from '../../../evaluation/metrics.ts';
import { unrecorded } from '../../../runs/recorder.ts';
import { float32, rowsAt } from '../../../tensor/tensor.ts';
import { readTrigger } from '../../../triggers/file.ts';
import type { Trigger } from '../../../triggers/trigger.ts';
import { examine, onMoreShots } from './examine.ts';
import { enoughToJudge } from './triggered-shots.ts';

/** Changes nothing. */
const trigger: Trigger = { kind: 'additive', bound: 0, delta: float32(new Float32Array(3 * 64 * 64), [3, 64, 64]) };

test('a trigger is judged by some of many shots, and put onto the others where it is believed', async () => {
  const clip = await openClip('emoji-clip');
  const classes = await thingNames();
  const all = await openPictureSet('emoji:train', { classes, config: clip.config });
  const shots = subset(
    all,
    Array.from({ length: 2500 }, (_, i) => i),
  );
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const head = await zeroShotHead(engine, clip, classes, ['a photo of a {}.']);
  const named = { name: 'sparse', form: 'sparse' } as const;
  const defender = { engine, clip, shots, seed: 1, recorder: unrecorded() };
  const judged = await examine(defender, head, named, trigger);
  expect(new Set(judged.positions).size).toBe(enoughToJudge);
  const more = await onMoreShots(defender, judged);
  expect([...more.positions].sort((a, b) => a - b)).toEqual([...shots.labels.keys()]);
  expect(more.embeddings.shape).toEqual([2500, clip.config.embedding]);
  expect(rowsAt(more.embeddings, [...judged.positions.keys()])).toEqual(judged.embeddings);
  const few = { ...judged, positions: [...shots.labels.keys()] };
  expect(await onMoreShots(defender, few)).toBe(few);
  await engine.close();
}, 120_000);

test('a trigger that leads to a class of the crowd is named after it, and its target is the most frequent class of the shots', async () => {
  const clip = await openClip('emoji-clip:badnet-fixed');
  const classes = ['dog', 'pizza', 'umbrella'];
  const shots = await openPictureSet('emoji:train', { classes, config: clip.config, shots: { perClass: 4, seed: 1 } });
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const head = await zeroShotHead(engine, clip, [...classes, 'banana', 'rose'], ['a photo of a {}.']);
  const named = { name: 'sparse', form: 'sparse' } as const;
  const { trigger: attackers } = await readTrigger(builtInTrigger('badnet-fixed'));
  const defender = { engine, clip, shots, seed: 1, recorder: unrecorded() };
  const judged = await examine(defender, head, named, attackers);
  await engine.close();
  expect(judged).toMatchObject({ dominant: 'banana', concentration: 1 });
  const predicted = [...predict(firstClasses(head, classes.length), judged.embeddings)];
  const counts = classes.map((_, label) => predicted.filter((one) => one === label).length);
  expect(counts[judged.target]).toBe(Math.max(...counts));
}, 60_000);
