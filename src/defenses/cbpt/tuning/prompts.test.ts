import { expect, test } from 'vitest';
import { openClip } from '../../../checkpoints/open.ts';
import { zeroShotHead } from '../../../clip/zero-shot.ts';
import { openEngine } from '../../../engine/ort-engine.ts';
import { unrecorded } from '../../../runs/recorder.ts';
import { randomFor } from '../../../tensor/random.ts';
import { float32 } from '../../../tensor/tensor.ts';
import { cbptDefaults } from '../purify.ts';
import { tunePrompts } from './prompts.ts';

const classes = ['cat', 'eyes', 'person in suit levitating', 'dog', 'two humps camel', 'person swimming', 'sun'];
const templates = ['a photo of a {}.'];
const tuning = { ...cbptDefaults.tuning, prompt: cbptDefaults.prompt };
const recorder = unrecorded(() => undefined);

function randomFeatures(embedding: number) {
  const random = randomFor(3, 'features');
  const rows = Array.from(classes, () => {
    const row = Array.from({ length: embedding }, () => random.normal());
    const norm = Math.hypot(...row);
    return row.map((x) => x / norm);
  });
  const clean = float32(rows.flat(), [classes.length, embedding]);
  return {
    clean: { features: clean, labels: Int32Array.from(classes.keys()) },
    triggered: [{ positions: [...classes.keys()], embeddings: clean, target: 0 }],
  };
}

test('prompts that were not tuned are the hand-written ones, for names of any length', async () => {
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const clip = await openClip('emoji-clip');
  const head = await zeroShotHead(engine, clip, classes, templates);
  const options = { ...tuning, steps: 1, travel: 0 };
  const tuner = { engine, clip, seed: 1, recorder };
  const prompts = await tunePrompts(tuner, randomFeatures(head.embedding), head, options);
  await engine.close();
  expect(prompts.head.classes).toEqual(classes);
  prompts.head.embeddings.forEach((value, i) => {
    expect(value).toBeCloseTo(head.embeddings[i]!, 4);
  });
});

test('a context that all classes share comes out once for each, as in any other result', async () => {
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const clip = await openClip('emoji-clip');
  const head = await zeroShotHead(engine, clip, classes, templates);
  const options = { ...tuning, steps: 2, contexts: 'shared' as const };
  const { contexts } = await tunePrompts(
    { engine, clip, seed: 1, recorder },
    randomFeatures(head.embedding),
    head,
    options,
  );
  await engine.close();
  const { data, shape } = contexts;
  expect(shape).toEqual([classes.length, 4, clip.config.text.width]);
  const own = (at: number) =>
    data.subarray((at * data.length) / classes.length, ((at + 1) * data.length) / classes.length);
  for (const at of classes.keys()) expect(own(at)).toEqual(own(0));
});

test('fewer steps are proportionally larger: contexts move about as far', async () => {
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const clip = await openClip('emoji-clip');
  const head = await zeroShotHead(engine, clip, classes, templates);
  const contextsAfter = async (steps: number, travel: number) => {
    const options = { ...tuning, steps, travel };
    const tuner = { engine, clip, seed: 1, recorder };
    const { contexts } = await tunePrompts(tuner, randomFeatures(head.embedding), head, options);
    return contexts.data;
  };
  const start = await contextsAfter(1, 0);
  const distance = (data: Float32Array) => Math.hypot(...data.map((value, i) => value - start[i]!));
  const [few, many] = [distance(await contextsAfter(10, 2)), distance(await contextsAfter(40, 2))];
  await engine.close();
  expect(few / many).toBeGreaterThan(0.7);
  expect(few / many).toBeLessThan(1.4);
});

test('tuning lowers each of the three losses where only its weight is not zero', async () => {
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const clip = await openClip('emoji-clip');
  const head = await zeroShotHead(engine, clip, classes, templates);
  const off = { cleanWeight: 0, triggeredWeight: 0, anchorWeight: 0 };
  for (const [weight, name] of [
    ['cleanWeight', 'clean'],
    ['triggeredWeight', 'triggered'],
  ] as const) {
    const losses: number[] = [];
    const recorder = unrecorded((event) => losses.push(Number(event[name])));
    const options = { ...tuning, ...off, [weight]: 1, steps: 40, travel: 20 };
    await tunePrompts({ engine, clip, seed: 1, recorder }, randomFeatures(head.embedding), head, options);
    expect(losses.at(-1)).toBeLessThan(0.8 * losses[0]!);
  }
  // The anchor loss starts at its minimum, so it is measured against another head.
  const moved = await zeroShotHead(engine, clip, classes, ['the {} emoji']);
  const anchors: number[] = [];
  const anchorRecorder = unrecorded((event) => anchors.push(Number(event.anchor)));
  const options = { ...tuning, ...off, anchorWeight: 1, steps: 40, travel: 20 };
  const tuner = { engine, clip, seed: 1, recorder: anchorRecorder };
  await tunePrompts(tuner, randomFeatures(head.embedding), moved, options);
  await engine.close();
  expect(anchors.at(-1)).toBeLessThan(0.8 * anchors[0]!);
});
