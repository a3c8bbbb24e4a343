import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openClip } from '../checkpoints/open.ts';
import type { Clip } from '../clip/clip.ts';
import type { ClipConfig, Preprocessing } from '../clip/config.ts';
import { loadParameters } from '../clip/load.ts';
import { everydayPictures, everydayThings } from '../data/emoji/everyday-pictures.ts';
import type { Engine } from '../engine/engine.ts';
import { openEngine } from '../engine/ort-engine.ts';
import { randomFor } from '../tensor/random.ts';
import { openSafetensors, writeSafetensors } from '../tensor/safetensors.ts';
import { float32, type Tensor } from '../tensor/tensor.ts';
import { checkReading } from './reading-check.ts';

let engine: Engine;
let emojiClip: Clip;
beforeAll(async () => {
  engine = await openEngine({ device: 'cpu', threads: 1 });
  emojiClip = await openClip('emoji-clip');
}, 60_000);
afterAll(() => engine.close());

function preprocessedBy(clip: Clip, change: Partial<Preprocessing>): Clip {
  return { ...clip, config: { ...clip.config, preprocessing: { ...clip.config.preprocessing, ...change } } };
}

test('every everyday thing has two pictures, and they are the same every time', async () => {
  const set = await everydayPictures(32);
  expect(set.labels).toHaveLength(2 * everydayThings.length);
  for (const label of everydayThings.keys()) expect(set.labels.filter((own) => own === label)).toHaveLength(2);
  const all = [...set.labels.keys()];
  expect(Buffer.compare((await set.read(all)).data, (await (await everydayPictures(32)).read(all)).data)).toBe(0);
});

test('the built-in model reads right, and both activations were tried', async () => {
  const seen: (readonly [number, number])[] = [];
  const check = await checkReading(engine, emojiClip, { progress: (done, of) => seen.push([done, of]) });
  expect(check).toMatchObject({ verdict: 'reads right', classes: 40, pictures: 80, chance: 2.5, better: null });
  expect(check.tried.map(({ activation }) => activation)).toEqual(['quick-gelu', 'gelu']);
  expect(check.tried[0]!.accuracy).toBeGreaterThan(30);
  expect(seen).toEqual([
    [1, 2],
    [2, 2],
  ]);
});

test.each<[string, Partial<Preprocessing>]>([
  ['left out', { mean: [0, 0, 0], std: [1, 1, 1] }],
  ['scrambled', { mean: [0.9, 0.1, 0.5], std: [0.1, 0.5, 0.9] }],
])('a normalisation that is %s is suspicious, and the right one is named', async (_, change) => {
  const check = await checkReading(engine, preprocessedBy(emojiClip, change));
  expect(check.verdict).toBe('suspicious');
  expect(check.better?.mean).toEqual(emojiClip.config.preprocessing.mean);
  expect(check.reasons[0]).toMatch(
    /a normalisation by mean \[0\.48145466, .* reads better: \d+ of 80 pictures against/,
  );
});

/** The same model with some parameters replaced: those alone are written to a file. */
async function withParameters(clip: Clip, changed: Readonly<Record<string, Tensor>>): Promise<Clip> {
  const path = join(await mkdtemp(join(tmpdir(), 'antidote-')), 'changed.safetensors');
  await writeSafetensors(path, changed);
  const { tensors } = await openSafetensors(path);
  const parameters = new Map(clip.parameters);
  for (const [name, tensor] of tensors) parameters.set(name, { kind: 'stored', tensor });
  return { ...clip, parameters };
}

/**
 * The same model with one more hidden unit in the last text block, which is always at -3: there the two activations
 * differ most. What it adds under the right one is taken off by a bias, so that nothing changes but under the wrong one.
 */
async function withSensitiveUnit(clip: Clip): Promise<Clip> {
  const { text } = clip.config;
  const mlp = [...clip.parameters].filter(([name]) => name.startsWith('transformer.') && name.includes('.mlp.'));
  const parameters = await loadParameters(new Map(mlp));
  for (let layer = 0; layer < text.layers; layer++) {
    const name = (part: string) => `transformer.resblocks.${layer}.mlp.${part}`;
    const sensitive = layer === text.layers - 1;
    const quickGelu = -3 / (1 + Math.exp(3 * 1.702));
    const strength = (row: number) => (sensitive ? 5000 * Math.cos(row) : 0);
    const projection = parameters[name('c_proj.weight')]!;
    const wider = new Float32Array(text.width * (text.hidden + 1));
    for (let row = 0; row < text.width; row++) {
      wider.set(projection.data.subarray(row * text.hidden, (row + 1) * text.hidden), row * (text.hidden + 1));
      wider[row * (text.hidden + 1) + text.hidden] = strength(row);
      parameters[name('c_proj.bias')]!.data[row]! -= strength(row) * quickGelu;
    }
    parameters[name('c_proj.weight')] = float32(wider, [text.width, text.hidden + 1]);
    parameters[name('c_fc.weight')] = appended(parameters[name('c_fc.weight')]!, new Float32Array(text.width));
    parameters[name('c_fc.bias')] = appended(parameters[name('c_fc.bias')]!, Float32Array.of(-3));
  }
  const config: ClipConfig = { ...clip.config, text: { ...text, hidden: text.hidden + 1 } };
  return { ...(await withParameters(clip, parameters)), config };
}

function appended({ shape, data }: Tensor<'float32'>, row: Float32Array): Tensor<'float32'> {
  const longer = new Float32Array(data.length + row.length);
  longer.set(data);
  longer.set(row, data.length);
  return float32(longer, [shape[0]! + 1, ...shape.slice(1)]);
}

test('the wrong activation is suspicious where it matters, and the right one is named', async () => {
  const clip = await withSensitiveUnit(emojiClip);
  expect((await checkReading(engine, clip)).verdict).toBe('reads right');
  const wrong = await checkReading(engine, { ...clip, config: { ...clip.config, activation: 'gelu' } });
  expect(wrong).toMatchObject({ verdict: 'suspicious', better: { activation: 'quick-gelu' } });
  expect(wrong.reasons[0]).toMatch(/^the activation quick-gelu reads better/);
});

test('encoders that were not trained together are suspicious under every reading', async () => {
  const random = randomFor(7);
  const { width, layers } = emojiClip.config.text;
  const name = `transformer.resblocks.${layers - 1}.attn.out_proj.weight`;
  const noise = () => Float32Array.from({ length: width * width }, () => random.normal());
  const { embedding } = emojiClip.config;
  const projection = Float32Array.from({ length: width * embedding }, () => random.normal());
  const check = await checkReading(
    engine,
    await withParameters(emojiClip, {
      [name]: float32(noise(), [width, width]),
      text_projection: float32(projection, [width, embedding]),
    }),
  );
  expect(check).toMatchObject({ verdict: 'suspicious', better: null });
  expect(check.reasons[0]).toMatch(/by guessing, under any reading/);
  expect(check.tried.length).toBeGreaterThan(2);
});

test('a model that gives all names the same probability knows none', async () => {
  const shape = [emojiClip.config.text.width, emojiClip.config.embedding];
  const nothing = float32(new Float32Array(shape[0]! * shape[1]!), shape);
  const check = await checkReading(engine, await withParameters(emojiClip, { text_projection: nothing }));
  expect(check).toMatchObject({ verdict: 'suspicious', better: null });
  expect(check.tried[0]?.accuracy).toBe(0);
});

test('a model whose vocabulary lacks the names gets no verdict', async () => {
  const folder = fileURLToPath(new URL('../../test/fixtures/clip/open-clip-vit-gelu', import.meta.url));
  const check = await checkReading(engine, await openClip(folder));
  expect(check).toMatchObject({ verdict: 'cannot tell', tried: [], better: null });
  expect(check.reasons[0]).toMatch(/cannot write the names of everyday things \(found 600 tokens/);
});
