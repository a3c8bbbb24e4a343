import {
  appendFile,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { Clip } from '../clip/clip.ts';
import { parameterPlan } from '../clip/initialise.ts';
import { loadParameters } from '../clip/load.ts';
import { shapeOf } from '../clip/parameters.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../tensor/safetensors.ts';
import { sha256 } from '../tensor/sha256.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { describeClip } from './inspect.ts';
import { openClip } from './open.ts';
import { writeOpenClip } from './write-open-clip.ts';

const fixtures = fileURLToPath(new URL('../../test/fixtures/clip/', import.meta.url));
const vit = 'open-clip-vit-quick-gelu';
const resnet = 'open-clip-resnet-gelu';
const huggingFace = 'hugging-face-quick-gelu';
const sharded = 'hugging-face-gelu-sharded';

/** A copy of a fixture to spoil. */
async function copyOf(fixture: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'antidote-'));
  await cp(join(fixtures, fixture), folder, { recursive: true });
  await rm(join(folder, 'expected.safetensors'));
  return folder;
}

type Json = Record<string, unknown>;

async function editJson(folder: string, file: string, edit: (json: Json) => void): Promise<void> {
  const json = JSON.parse(await readFile(join(folder, file), 'utf8')) as Json;
  edit(json);
  await writeFile(join(folder, file), JSON.stringify(json));
}

async function editWeights(
  folder: string,
  file: string,
  edit: (tensors: Record<string, Tensor>) => void,
): Promise<void> {
  const tensors: Record<string, Tensor> = {};
  for (const [name, stored] of (await openSafetensors(join(folder, file))).tensors)
    tensors[name] = await readTensor(stored);
  edit(tensors);
  await writeSafetensors(join(folder, file), tensors);
}

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

test('a description says what the configuration said', async () => {
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

test('what is written as an open_clip folder opens with the same numbers, whatever it was read from', async () => {
  for (const fixture of [huggingFace, resnet]) {
    const original = await openClip(join(fixtures, fixture));
    const folder = join(await mkdtemp(join(tmpdir(), 'antidote-')), 'new', 'model');
    await writeOpenClip(folder, original.config, await loadParameters(original.parameters), 'float32');
    const written = await openClip(folder);
    // A layout implies whose centre crop it is.
    const preprocessing = { ...original.config.preprocessing, centre: 'torchvision' };
    expect(written.config).toEqual({ ...original.config, preprocessing });
    expect(await numbersOf(written)).toEqual(await numbersOf(original));
    expect((await readdir(folder)).sort()).toEqual(['open_clip_config.json', 'open_clip_model.safetensors']);
  }
});

test('a model whose weights could not be written is refused as a configuration without weights, and never guessed', async () => {
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

const refusals: readonly [what: string, fixture: string, spoil: (folder: string) => Promise<void>, message: RegExp][] =
  [
    [
      'a folder without weights',
      vit,
      (f) => rm(join(f, 'open_clip_model.safetensors')),
      /open_clip_config\.json without weights/,
    ],
    [
      'a folder without a configuration whose heads cannot be told',
      vit,
      (f) => rm(join(f, 'open_clip_config.json')),
      /open_clip_model\.safetensors: found an image encoder of width 48 and no configuration, so the number of heads/,
    ],
    [
      'a folder of which nothing is a model',
      vit,
      async (f) => {
        await rm(join(f, 'open_clip_model.safetensors'));
        await rename(join(f, 'open_clip_config.json'), join(f, 'notes.json'));
      },
      /found notes\.json, expected open_clip_config\.json and open_clip_model\.safetensors, or config\.json and/,
    ],
    [
      'a folder with two files of weights under names of their own',
      vit,
      async (f) => {
        await copyFile(join(f, 'open_clip_model.safetensors'), join(f, 'epoch_1.safetensors'));
        await rename(join(f, 'open_clip_model.safetensors'), join(f, 'epoch_2.safetensors'));
      },
      /found 2 files of weights: "epoch_1\.safetensors", "epoch_2\.safetensors", expected one; give one of them/,
    ],
    [
      'a weights file cut short',
      vit,
      (f) => truncate(join(f, 'open_clip_model.safetensors'), 100_000),
      /open_clip_model\.safetensors: found 100000 bytes.*cut short/,
    ],
    [
      'a weights file with bytes behind its end',
      vit,
      (f) => appendFile(join(f, 'open_clip_model.safetensors'), 'more'),
      /4 bytes after the last tensor/,
    ],
    [
      'a weight that is not a number',
      resnet,
      (f) =>
        editWeights(f, 'open_clip_model.safetensors', (t) => {
          (t['visual.layer2.1.conv2.weight']!.data as Float32Array)[7] = Number.NaN;
        }),
      /tensor "visual\.layer2\.1\.conv2\.weight": found NaN or infinity at position 7/,
    ],
    [
      'an infinite weight in a shard',
      sharded,
      async (f) => {
        const file = 'model-00002-of-00004.safetensors';
        await editWeights(f, file, (t) => {
          (Object.values(t)[0]!.data as Float32Array)[0] = Number.NEGATIVE_INFINITY;
        });
      },
      /model-00002-of-00004\.safetensors: tensor ".*": found NaN or infinity at position 0/,
    ],
    [
      'a missing shard',
      sharded,
      (f) => rm(join(f, 'model-00003-of-00004.safetensors')),
      /model-00003-of-00004\.safetensors: found no such file/,
    ],
    [
      'an index that points out of the folder',
      sharded,
      (f) =>
        editJson(f, 'model.safetensors.index.json', (json) => {
          (json.weight_map as Json).logit_scale = '../secret.safetensors';
        }),
      /the file name "\.\.\/secret\.safetensors", expected a file in the same folder/,
    ],
    [
      'an index with a name that no file can have',
      sharded,
      (f) =>
        editJson(f, 'model.safetensors.index.json', (json) => {
          (json.weight_map as Json).logit_scale = '\0.safetensors';
        }),
      /the file name "\\u0000\.safetensors", expected a file in the same folder/,
    ],
    [
      'an index that lists a tensor which is nowhere',
      sharded,
      (f) =>
        editJson(f, 'model.safetensors.index.json', (json) => {
          (json.weight_map as Json).phantom = 'model-00001-of-00004.safetensors';
        }),
      /found no tensor "phantom"/,
    ],
    [
      'a missing parameter',
      huggingFace,
      (f) =>
        editWeights(f, 'model.safetensors', (t) => {
          delete t['text_model.encoder.layers.1.self_attn.k_proj.bias'];
        }),
      /found no "text_model\.encoder\.layers\.1\.self_attn\.k_proj\.bias"/,
    ],
    [
      'a parameter that nothing uses',
      huggingFace,
      (f) =>
        editWeights(f, 'model.safetensors', (t) => {
          t.logit_bias = t.logit_scale!;
        }),
      /found "logit_bias" besides CLIP's parameters/,
    ],
    [
      'a parameter of another shape than the configuration says',
      vit,
      (f) =>
        editJson(f, 'open_clip_config.json', (json) => {
          (json.model_cfg as Json).embed_dim = 32;
        }),
      /tensor "text_projection": found shape \[32, 24\], expected \[32, 32\] by the configuration/,
    ],
    [
      'weights of an integer type',
      vit,
      (f) =>
        editWeights(f, 'open_clip_model.safetensors', (t) => {
          t['visual.proj'] = { ...t['visual.proj']!, dtype: 'int32', data: new Int32Array(48 * 24) };
        }),
      /tensor "visual\.proj": found int32/,
    ],
    [
      'a model of another kind',
      huggingFace,
      (f) =>
        editJson(f, 'config.json', (json) => {
          json.model_type = 'siglip';
        }),
      /config\.json: model_type: found "siglip"/,
    ],
    [
      'an activation that CLIP does not have',
      huggingFace,
      (f) =>
        editJson(f, 'config.json', (json) => {
          (json.vision_config as Json).hidden_act = 'silu';
        }),
      /config\.json: vision_config\.hidden_act: found "silu"/,
    ],
    [
      'another architecture in an open_clip configuration',
      vit,
      (f) =>
        editJson(f, 'open_clip_config.json', (json) => {
          ((json.model_cfg as Json).vision_cfg as Json).timm_model_name = 'convnext_base';
        }),
      /open_clip_config\.json: model_cfg\.vision_cfg\.timm_model_name: found "convnext_base"/,
    ],
    [
      'a key that no CLIP has',
      vit,
      (f) =>
        editJson(f, 'open_clip_config.json', (json) => {
          ((json.model_cfg as Json).text_cfg as Json).rotary = true;
        }),
      /model_cfg\.text_cfg\.rotary: found true, expected no such key/,
    ],
    [
      'a configuration whose size would exhaust the memory',
      vit,
      (f) =>
        editJson(f, 'open_clip_config.json', (json) => {
          ((json.model_cfg as Json).text_cfg as Json).layers = 1e9;
        }),
      /model_cfg\.text_cfg\.layers: found 1000000000/,
    ],
    [
      'heads that do not divide the width',
      huggingFace,
      (f) =>
        editJson(f, 'config.json', (json) => {
          (json.text_config as Json).num_attention_heads = 5;
        }),
      /text tower: found 5 heads for a width of 32/,
    ],
    [
      'a configuration that is not JSON',
      huggingFace,
      (f) => writeFile(join(f, 'config.json'), '{"model_type": "clip"'),
      /config\.json: found text that is not JSON/,
    ],
    [
      'pictures of another size than the model takes',
      huggingFace,
      (f) =>
        editJson(f, 'preprocessor_config.json', (json) =>
          Object.assign(json, { crop_size: { height: 224, width: 224 } }),
        ),
      /preprocessor_config\.json: found pictures of 224 x 224 pixels, expected 32 x 32/,
    ],
    [
      'an image processor that scales pixels otherwise',
      huggingFace,
      (f) => editJson(f, 'preprocessor_config.json', (json) => Object.assign(json, { rescale_factor: 0.00784 })),
      /preprocessor_config\.json: rescale_factor: found 0\.00784, expected 1\/255/,
    ],
    [
      'an image processor of another class',
      huggingFace,
      (f) =>
        editJson(f, 'preprocessor_config.json', (json) =>
          Object.assign(json, { image_processor_type: 'ViTImageProcessor' }),
        ),
      /preprocessor_config\.json: image_processor_type: found "ViTImageProcessor", expected .*"CLIPImageProcessor"/,
    ],
    [
      'a feature extractor of another class',
      huggingFace,
      (f) =>
        editJson(f, 'preprocessor_config.json', (json) => {
          delete json.image_processor_type;
          json.feature_extractor_type = 'ViTFeatureExtractor';
        }),
      /preprocessor_config\.json: feature_extractor_type: found "ViTFeatureExtractor"/,
    ],
    [
      'a tokenizer of another kind',
      huggingFace,
      (f) =>
        editJson(f, 'tokenizer.json', (json) => {
          (json.model as Json).type = 'WordPiece';
        }),
      /tokenizer\.json: model\.type: found "WordPiece"/,
    ],
  ];

test.each(refusals)('%s is refused, and named', async (_, fixture, spoil, message) => {
  const folder = await copyOf(fixture);
  await spoil(folder);
  await expect(openClip(folder)).rejects.toMatchObject({ fault: 'data', message: expect.stringMatching(message) });
});

test('a missing path and an empty folder are named, with what there is instead', async () => {
  await expect(openClip('/no/such/model')).rejects.toThrow(
    '/no/such/model: found no such file or folder, expected a model folder or file, hf:org/name, or a built-in',
  );
  await expect(openClip(await mkdtemp(join(tmpdir(), 'antidote-')))).rejects.toThrow(/found an empty folder/);
});

test.each([
  [huggingFace, 'config.json'],
  [vit, 'open_clip_config.json'],
])('the configuration of %s in place of its model, %s, is refused and its folder named', async (fixture, file) => {
  const folder = join(fixtures, fixture);
  await expect(openClip(join(folder, file))).rejects.toMatchObject({
    fault: 'data',
    message: `${join(folder, file)}: found a configuration, expected the folder of a model, or its weights; give ${folder}`,
  });
});

test('where an early configuration repeats a tower, the repetition counts, as in transformers', async () => {
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
