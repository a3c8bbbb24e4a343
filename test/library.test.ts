/** @file The library from its own entry: what the README shows, on a tiny model. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  AntidoteError,
  badnetFixed,
  beliefInAll,
  type CbptOptions,
  cbptDefaults,
  type Engine,
  encodeTest,
  handWritten,
  measureHead,
  openClassifier,
  openClip,
  openEngine,
  openModelOrRun,
  openPictureSet,
  percentages,
  purify,
  type Recorder,
  type RunEvent,
  readTrigger,
  writePurified,
} from '../src/index.ts';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
/** A tiny CLIP with random weights: what it says means nothing, but every step is taken. */
const model = path('fixtures/clip/hugging-face-quick-gelu');
const classes = ['banana', 'pizza', 'dog', 'cat'];

let engine: Engine;
let folder: string;
beforeAll(async () => {
  engine = await openEngine({ device: 'cpu', threads: 1 });
  folder = await mkdtemp(join(tmpdir(), 'antidote-library-'));
});
afterAll(async () => {
  await engine.close();
  await rm(folder, { recursive: true, force: true });
});

/** A recorder of a program's own, that keeps what it is told and saves nothing. */
function listener(): { recorder: Recorder; events: RunEvent[] } {
  const events: RunEvent[] = [];
  const recorder: Recorder = {
    record: (event) => events.push(event),
    save: async () => {},
    restore: async () => undefined,
    signal: new AbortController().signal,
  };
  return { recorder, events };
}

test('a program purifies a model, writes it, opens it again and classifies with it', async () => {
  const clip = await openClip(model);
  const shots = await openPictureSet('emoji:test', {
    classes,
    config: clip.config,
    shots: { perClass: 2, seed: 0 },
  });
  const options: CbptOptions = {
    ...cbptDefaults,
    inversion: { ...cbptDefaults.inversion, steps: 3, batch: 8, patchBatch: 8 },
    tuning: { ...cbptDefaults.tuning, steps: 5 },
    belief: beliefInAll,
  };
  const { recorder, events } = listener();
  const purification = await purify(engine, clip, shots, options, recorder);
  expect(purification.used.map(({ form }) => form)).toEqual(['sparse', 'sparse', 'patch', 'elsewhere']);
  expect(events.filter(({ stage }) => stage === 'tune').map(({ step }) => step)).toEqual([1, 2, 3, 4, 5]);

  await writePurified(folder, clip, purification, options.templates);
  const { clip: again, purified } = await openModelOrRun(folder);
  expect(again.sha256).toBe(clip.sha256);
  expect(purified?.head.classes).toEqual(classes);
  expect(purified?.head.embeddings).toEqual(purification.head.embeddings);
  const { trigger } = await readTrigger(join(folder, purified!.manifest.dummies[0]!.file));
  expect(trigger).toEqual(purification.dummies[0]!.trigger);

  const picture = path('fixtures/preprocess/images/rgb.png');
  const classifier = await openClassifier(engine, folder, () => expect.fail('a run brings its own classes'));
  const [classified] = await classifier.classify([picture], classes.length);
  expect(classified?.predictions.map(({ label }) => label).sort()).toEqual([...classes].sort());
  expect(classified!.predictions.reduce((total, { probability }) => total + probability, 0)).toBeCloseTo(1, 5);
  const [first] = await classifier.classify([picture, picture]);
  expect(first?.predictions).toHaveLength(classes.length);
  expect(first?.predictions[0]?.probability).toBeCloseTo(classified!.predictions[0]!.probability, 5);
  expect(await classifier.classify([])).toEqual([]);
  await classifier.close();
}, 300_000);

test('a program measures a model with and without a trigger of its own', async () => {
  const clip = await openClip(model);
  const set = await openPictureSet('emoji:test-plain', { classes, config: clip.config });
  const threat = { trigger: badnetFixed(set.size, 1), target: 'banana' };
  const { recorder } = listener();
  const head = await handWritten(engine, clip, classes, ['a photo of a {}.'], threat, recorder);
  const embeddings = await encodeTest(engine, clip, set, threat, 0, recorder);
  const { ca, asr, ra, n } = percentages(measureHead(head, embeddings, threat));
  expect(n).toBe(classes.length);
  for (const share of [ca, asr, ra]) {
    expect(share).toBeGreaterThanOrEqual(0);
    expect(share).toBeLessThanOrEqual(100);
  }
});

test('a program tells whose fault an error is, and what was expected', async () => {
  const error = await openClip(join(folder, 'nowhere')).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(AntidoteError);
  expect(error).toMatchObject({ fault: 'data', found: 'no such file or folder' });
});
