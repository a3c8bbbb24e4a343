import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Clip } from '../clip/clip.ts';
import { parameterPlan } from '../clip/initialise.ts';
import { loadParameters } from '../clip/load.ts';
import { shapeOf } from '../clip/parameters.ts';
import { sha256 } from '../tensor/sha256.ts';
import { describeClip } from './inspect.ts';
import { openClip } from './open.ts';
import {
  copyOf,
  editJson,
  editWeights,
  fixtures,
  huggingFace,
  type Json,
  resnet,
  sharded,
  vit,
} from './spoiled-models.test-support.ts';
import { writeOpenClip } from './write-open-clip.ts';

/** Every parameter's numbers as a hash: equal exactly if all bits are. */
async function numbersOf(clip: Clip): Promise<Record<string, string>> {
  const loaded = Object.entries(await loadParameters(clip.parameters));
  return Object.fromEntries(loaded.map(([name, { data }]) => [name, sha256(new Uint8Array(data.buffer))]));
}

test.each([vit, resnet, huggingFace, sharded])(
  '%s: every parameter of the architecture has its shape',
  async (fixture) => {
    const { config, parameters } = await openClip(join(fixtures, fixture));
    const plan = parameterPlan(config);
    expect([...parameters.keys()].sort()).toEqual([...plan.keys()].sort());
    for (const [name, parameter] of parameters) expect(shapeOf(parameter), name).toEqual(plan.get(name)!.shape);
  },
);

test('a description repeats the configuration', async () => {
  expect(describeClip(await openClip(join(fixtures, resnet)))).toMatchObject({
    format: 'open-clip',
    image: { kind: 'resnet', width: 4, layers: [1, 2, 1, 1], patch: null, resolution: 64 },
    text: { width: 32, layers: 2, heads: 4, context: 16, vocabulary: 600 },
    embedding: 40,
    activation: 'gelu',
  });
  expect(describeClip(await openClip(join(fixtures, huggingFace)))).toMatchObject({
    format: 'hugging-face',
    image: { kind: 'vit', width: 48, layers: 2, patch: 8, resolution: 32 },
    activation: 'quick-gelu',
    parameters: 92_161,
  });
});

test('a written open_clip folder opens with the same numbers, from any source format', async () => {
  for (const fixture of [huggingFace, resnet]) {
    const original = await openClip(join(fixtures, fixture));
    const folder = join(await mkdtemp(join(tmpdir(), 'antidote-')), 'new', 'model');
    await writeOpenClip(folder, original.config, await loadParameters(original.parameters), 'float32');
    const written = await openClip(folder);
    // The layout determines the centre crop.
    const preprocessing = { ...original.config.preprocessing, centre: 'torchvision' };
    expect(written.config).toEqual({ ...original.config, preprocessing });
    expect(await numbersOf(written)).toEqual(await numbersOf(original));
    expect((await readdir(folder)).sort()).toEqual(['open_clip_config.json', 'open_clip_model.safetensors']);
  }
});

test('a model whose weights could not be written is refused as a configuration without weights', async () => {
  const { config, parameters } = await openClip(join(fixtures, vit));
  const folder = await mkdtemp(join(tmpdir(), 'antidote-'));
  const weights = join(folder, 'open_clip_model.safetensors');
  await mkdir(weights);
  await expect(writeOpenClip(folder, config, await loadParameters(parameters), 'float32')).rejects.toThrow();
  await rm(weights, { recursive: true });
  await expect(openClip(folder)).rejects.toThrow(/open_clip_config\.json without weights/);
});

test('half precision halves the file and rounds each number', async () => {
  const original = await openClip(join(fixtures, vit));
  const parameters = await loadParameters(original.parameters);
  const folder = await mkdtemp(join(tmpdir(), 'antidote-'));
  await writeOpenClip(folder, original.config, parameters, 'float16');
  const written = await loadParameters((await openClip(folder)).parameters);
  for (const [name, { data }] of Object.entries(parameters)) {
    const halves = written[name]!.data;
    const beyond = data.findIndex((value, i) => Math.abs(halves[i]! - value) > 2 ** -11 * Math.abs(value) + 2 ** -25);
    expect(beyond, name).toBe(-1);
  }
});

test('a number too large for half precision is refused, not written as infinity', async () => {
  const { config, parameters } = await openClip(join(fixtures, vit));
  const loaded = await loadParameters(parameters);
  loaded['ln_final.bias']!.data[0] = 1e6;
  const folder = await mkdtemp(join(tmpdir(), 'antidote-'));
  await expect(writeOpenClip(folder, config, loaded, 'float16')).rejects.toThrow(/"ln_final.bias".*float16/);
  expect(await readdir(folder)).toEqual([]);
});

test('names under a wrapper and under "text." are understood', async () => {
  const folder = await copyOf(vit);
  const expected = await numbersOf(await openClip(folder));
  await editWeights(folder, 'open_clip_model.safetensors', (tensors) => {
    for (const [name, tensor] of Object.entries(tensors)) {
      delete tensors[name];
      tensors[`module.${name.startsWith('visual.') || name === 'logit_scale' ? '' : 'text.'}${name}`] = tensor;
    }
  });
  expect(await numbersOf(await openClip(folder))).toEqual(expected);
});

test('a text that needs tokens without an embedding is refused at that text', async () => {
  const { tokenizer } = await openClip(join(fixtures, vit));
  expect(() => tokenizer.encode('a photo of a cat')).toThrow(/open_clip_config\.json: found 600 tokens/);
  const own = (await openClip(join(fixtures, huggingFace))).tokenizer;
  expect(own.encode('the cat').at(-1)).toBe(599);
});

test('if an early configuration repeats a tower, the repetition counts, as in transformers', async () => {
  const folder = await copyOf(huggingFace);
  await editJson(folder, 'config.json', (json) => {
    json.text_config_dict = json.text_config;
    json.vision_config_dict = json.vision_config;
    json.text_config = { hidden_size: 7 };
    json.vision_config = null;
  });
  expect((await openClip(folder)).config).toEqual((await openClip(join(fixtures, huggingFace))).config);
});

test('preprocessing is found under the name newer versions of transformers give it', async () => {
  const folder = await copyOf(huggingFace);
  const processor = JSON.parse(await readFile(join(folder, 'preprocessor_config.json'), 'utf8')) as Json;
  await rm(join(folder, 'preprocessor_config.json'));
  const image_processor = { ...processor, image_mean: [0.5, 0.4, 0.3], resample: 2, size: { height: 32, width: 32 } };
  await writeFile(join(folder, 'processor_config.json'), JSON.stringify({ image_processor }));
  expect((await openClip(folder)).config.preprocessing).toMatchObject({
    mean: [0.5, 0.4, 0.3],
    resize: 'squash',
    interpolation: 'bilinear',
  });
});

test.each([
  { image_processor_type: 'CLIPImageProcessorFast', rescale_factor: 0.003921568859368563 },
  { feature_extractor_type: 'CLIPFeatureExtractor', image_processor_type: null, rescale_factor: null },
])('the names of one image processor in different versions of transformers mean the same: %j', async (names) => {
  const folder = await copyOf(huggingFace);
  await editJson(folder, 'preprocessor_config.json', (json) => Object.assign(json, names));
  expect((await openClip(folder)).config).toEqual((await openClip(join(fixtures, huggingFace))).config);
});

test('a folder with both layouts is read as the original, open_clip', async () => {
  const folder = await copyOf(vit);
  for (const file of ['config.json', 'model.safetensors'])
    await copyFile(join(fixtures, huggingFace, file), join(folder, file));
  expect((await openClip(folder)).format).toBe('open-clip');
});
