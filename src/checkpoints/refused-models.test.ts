/** @file Faulty models: each is refused, and its fault is named. */
import { appendFile, copyFile, mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
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
      /config\.json: model_type: found "siglip", expected "clip"; only CLIPs made of a ViT or a ModifiedResNet and a text/,
    ],
    [
      "open_clip's configuration under the name of transformers'",
      vit,
      (f) => rename(join(f, 'open_clip_config.json'), join(f, 'config.json')),
      /config\.json: found a configuration of open_clip, expected one of transformers; call it open_clip_config\.json$/,
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
      /model_cfg\.vision_cfg\.timm_model_name: found "convnext_base", expected nothing; only CLIPs made of a ViT or a/,
    ],
    [
      'a block that CLIP does not have',
      vit,
      (f) =>
        editJson(f, 'open_clip_config.json', (json) => {
          ((json.model_cfg as Json).vision_cfg as Json).final_ln_after_pool = true;
        }),
      /vision_cfg\.final_ln_after_pool: found true, expected false; only CLIPs made of a ViT or a ModifiedResNet and a/,
    ],
    [
      'a text encoder of transformers',
      vit,
      (f) =>
        editJson(f, 'open_clip_config.json', (json) => {
          ((json.model_cfg as Json).text_cfg as Json).hf_model_name = 'xlm-roberta-base';
        }),
      /text_cfg\.hf_model_name: found "xlm-roberta-base", expected nothing; only CLIPs made of a ViT or a ModifiedResNet/,
    ],
    [
      'a CoCa',
      vit,
      (f) =>
        editJson(f, 'open_clip_config.json', (json) => {
          (json.model_cfg as Json).multimodal_cfg = { layers: 12 };
        }),
      /model_cfg\.multimodal_cfg: found an object with 1 key, expected nothing; only CLIPs made of a ViT or a Modified/,
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
      /model_cfg\.text_cfg\.layers: found 1000000000, expected [^;]*$/,
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

test('a missing path and an empty folder are named', async () => {
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
