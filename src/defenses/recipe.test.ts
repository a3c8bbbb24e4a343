/** @file Methods that change every weight: they learn, are reproducible, resume, and change only the weights they should. */
import { expect, test, vi } from 'vitest';
import { loadParameters } from '../clip/load.ts';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { sha256 } from '../tensor/sha256.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { cleanClip } from './cleanclip.ts';
import { type BlindDefense, classifierOf, type DefenseTask } from './defense.ts';
import { fineTune } from './fine-tune.ts';
import { par } from './par.ts';
import type { Recipe } from './recipe.ts';
import { colouredShots, keeping, openedTinyClip, tinyTask } from './tiny-clip.test-support.ts';

const folder = temporaryFolder();
const tiny = openedTinyClip(folder, 60_000);

/** Every method compiles its graphs: seconds each, more on a busy machine. */
vi.setConfig({ testTimeout: 300_000 });

const shots = colouredShots();
const methods: readonly (readonly [string, BlindDefense])[] = [
  ['fine-tune', fineTune],
  ['cleanclip', cleanClip],
  ['par', par],
];

function task(recorder: DefenseTask['recorder'], seed = 1): DefenseTask {
  return tinyTask({ engine: tiny.engine, clip: tiny.clip, shots, recorder }, seed);
}

async function weights(method: BlindDefense, change: Partial<Recipe>, given: DefenseTask) {
  const cure = await method.run(given, { ...method.defaults, ...change });
  if (cure.kind !== 'model') throw new Error('a method that tunes weights gives a model');
  return cure.parameters;
}

/** One training of each method, shared by all tests of its weights. */
const learned = new Map<BlindDefense, ReturnType<typeof learn>>();

async function learn(method: BlindDefense) {
  const { recorder, events } = keeping();
  const before = await loadParameters(tiny.clip.parameters);
  const after = await weights(method, { steps: 25, batch: 12, rate: 3e-3, saveEvery: 100 }, task(recorder));
  return { before, after, events };
}

function learning(method: BlindDefense): ReturnType<typeof learn> {
  if (!learned.has(method)) learned.set(method, learn(method));
  return learned.get(method)!;
}

test.each(methods)('%s learns: its contrast falls, and every kind of weight has moved', async (_name, method) => {
  const { before, after, events } = await learning(method);
  const contrast = events.map((event) => Number(event.pair ?? event.loss));
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(events).toHaveLength(25);
  expect(mean(contrast.slice(-5))).toBeLessThan(mean(contrast.slice(0, 5)) - 0.1);
  for (const name of ['visual.conv1.weight', 'visual.bn1.running_mean', 'text_projection']) {
    expect(after[name]!.data, name).not.toEqual(before[name]!.data);
  }
  // Only PAR leaves the logit scale unchanged.
  expect(after.logit_scale!.data[0] === before.logit_scale!.data[0]).toBe(method === par);
  expect(Object.keys(after).sort()).toEqual(Object.keys(before).sort());
});

test('running statistics are those of the unchanged shots, for methods with any augmentation', async () => {
  const still = { steps: 2, batch: 12, rate: 1e-12 };
  const means = await Promise.all(
    methods.map(async ([, method]) => {
      const after = await weights(method, still, task(keeping().recorder));
      return after['visual.bn1.running_mean']!.data as Float32Array;
    }),
  );
  const [plain, ...others] = means;
  for (const other of others) for (const [i, value] of other.entries()) expect(value).toBeCloseTo(plain![i]!, 6);
});

test.each(methods)('%s leaves embeddings of words unchanged that no caption contains', async (_name, method) => {
  const weights = await learning(method);
  const [before, after] = [weights.before, weights.after].map((all) => all['token_embedding.weight']!) as [
    Tensor,
    Tensor,
  ];
  const row = (tensor: Tensor, text: string) => {
    const token = tiny.clip.tokenizer.encode(text)[1]!;
    return tensor.data.slice(16 * token, 16 * token + 16);
  };
  expect(row(after, 'elephant')).toEqual(row(before, 'elephant'));
  expect(row(after, 'banana')).not.toEqual(row(before, 'banana'));
  const changed = new Set<number>();
  after.data.forEach((value, at) => {
    if (value !== before.data[at]) changed.add(Math.floor(at / 16));
  });
  expect(changed.size).toBeLessThan(100);
});

/** Hundreds of thousands of numbers are compared by their hash. */
function digest(parameters: Readonly<Record<string, Tensor>>): string {
  const names = Object.keys(parameters).sort();
  return sha256(JSON.stringify(names.map((name) => [name, sha256(bytesOf(parameters[name]!))])));
}

function bytesOf({ data }: Tensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

test.each(methods)(
  '%s gives the same weights after a stop and a resume, byte for byte, and others with another seed',
  async (name, method) => {
    const short = { steps: 4, batch: 6, rate: 1e-3, saveEvery: 2 };
    const whole = digest(await weights(method, short, task(keeping().recorder)));
    expect(digest(await weights(method, short, task(keeping().recorder, 2)))).not.toBe(whole);
    const first = keeping(new Map(), { stage: name, step: 3 });
    await expect(weights(method, short, task(first.recorder))).rejects.toThrow('stopped');
    expect(first.saved.get(name)?.step).toBe(3);
    const second = keeping(first.saved);
    expect(digest(await weights(method, short, task(second.recorder)))).toBe(whole);
    expect(second.events).toHaveLength(1);
  },
  120_000,
);

test.each(methods)(
  '%s accepts a name that ends with a mark where the prompt continues with one',
  async (_name, method) => {
    const classes = ['kite (bird of prey)', 'the U.S.', 'red apple'];
    const { recorder, events } = keeping();
    await weights(method, { steps: 2, batch: 12 }, { ...task(recorder), shots: { ...shots, classes } });
    expect(events).toHaveLength(2);
  },
);

test('new weights are written as a model, which classifies with the same prompts as the original', async () => {
  const given = task(keeping().recorder);
  const parameters = await weights(fineTune, { steps: 2, batch: 12 }, given);
  const { clip: cured, head } = await classifierOf(given, { kind: 'model', parameters }, `${folder()}/cured`);
  expect(cured.sha256).not.toBe(tiny.clip.sha256);
  expect(cured.tokenizer).toBe(tiny.clip.tokenizer);
  expect(head.classes).toEqual(shots.classes);
  expect(digest(await loadParameters(cured.parameters))).toBe(digest(parameters));
});

test('with fewer shots than a batch, every step sees all of them', async () => {
  const { recorder, events } = keeping();
  await weights(fineTune, { steps: 2, batch: 64 }, task(recorder));
  expect(events.map(({ step }) => step)).toEqual([1, 2]);
});
