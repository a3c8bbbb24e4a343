/** @file open_clip's `open_clip_config.json` to a `ClipConfig`, and back (open_clip `model.py`, `transform.py`). */
import { basename } from 'node:path';
import { z } from 'zod';
import type { Origin } from '../../clip/clip.ts';
import { type ClipConfig, openAiPreprocessing } from '../../clip/config.ts';
import { checkedJson, readJson } from '../../tensor/files/json-file.ts';
import { recordOf } from '../../tensor/files/json-lists.ts';
import { readSmallText } from '../../tensor/files/text-file.ts';
import {
  type ConfigFile,
  checkedConfig,
  layerCount,
  mostConfigBytes,
  plainClipsOnly,
  size,
  threeNumbers,
  threePositive,
} from './config-limits.ts';

/** A switch of open_clip that changes the architecture: only its neutral value gives a plain CLIP. */
const neutral = <T extends boolean | string>(value: T) =>
  z.literal(value, { error: `${JSON.stringify(value)}; ${plainClipsOnly}` }).nullish();
const absent = z.null({ error: `nothing; ${plainClipsOnly}` }).optional();
/** Keys without effect on a trained model. */
const ignored = z.unknown().optional();

/** The block variants of open_clip 3; all are off in a CLIP. */
const plainBlocks = {
  ls_init_value: absent,
  block_type: neutral('default'),
  qk_norm: neutral(false),
  scaled_cosine_attn: neutral(false),
  scale_heads: neutral(false),
  scale_attn_inner: neutral(false),
  scale_attn: neutral(false),
  scale_fc: neutral(false),
  act_kwargs: absent,
  norm_kwargs: absent,
  final_ln_after_pool: neutral(false),
  output_tokens: ignored,
};

const visionSchema = z.strictObject({
  layers: z.union([layerCount, z.tuple([layerCount, layerCount, layerCount, layerCount])]).default(12),
  width: size.default(768),
  head_width: size.default(64),
  mlp_ratio: z.number().positive().default(4),
  patch_size: size.nullable().default(16),
  image_size: z
    .union([size, z.tuple([size, size]).refine(([height, width]) => height === width, 'a square')])
    .default(224),
  ...plainBlocks,
  patch_dropout: ignored,
  attentional_pool: neutral(false),
  attn_pooler_queries: ignored,
  attn_pooler_heads: ignored,
  no_ln_pre: neutral(false),
  pos_embed_type: neutral('learnable'),
  pool_type: neutral('tok'),
  timm_model_name: absent,
  timm_model_pretrained: ignored,
  timm_pool: ignored,
  timm_proj: ignored,
  timm_proj_bias: ignored,
  timm_drop: ignored,
  timm_drop_path: ignored,
});

const textSchema = z.strictObject({
  context_length: size.default(77),
  vocab_size: size.default(49_408),
  width: size.default(512),
  heads: size.default(8),
  layers: layerCount.default(12),
  mlp_ratio: z.number().positive().default(4),
  ...plainBlocks,
  hf_model_name: absent,
  hf_tokenizer_name: z.literal('', { error: `"", as only OpenAI's tokenizer can be used` }).nullish(),
  tokenizer_mode: absent,
  tokenizer_kwargs: z.strictObject({}).nullish(),
  embed_cls: neutral(false),
  pad_id: ignored,
  eos_id: ignored,
  no_causal_mask: neutral(false),
  pool_type: neutral('argmax'),
  proj_bias: neutral(false),
  proj_type: neutral('linear'),
  hf_model_pretrained: ignored,
  hf_proj_type: ignored,
  hf_pooler_type: ignored,
});

const modelSchema = z.strictObject({
  embed_dim: size,
  vision_cfg: visionSchema,
  text_cfg: textSchema,
  multimodal_cfg: absent,
  quick_gelu: z.boolean().optional(),
  custom_text: ignored,
  init_logit_scale: ignored,
  init_logit_bias: absent,
  nonscalar_logit_scale: neutral(false),
});

const preprocessSchema = z.object({
  mean: threeNumbers.default([...openAiPreprocessing.mean]),
  std: threePositive.default([...openAiPreprocessing.std]),
  interpolation: z.enum(['bicubic', 'bilinear']).default('bicubic'),
  resize_mode: z.enum(['shortest', 'squash']).default('shortest'),
});

const schema = z.object({ model_cfg: modelSchema, preprocess_cfg: preprocessSchema.optional() });

/**
 * Reads the configuration: `open_clip_config.json`, or one of open_clip's own `model_configs/`, which are its
 * `model_cfg` alone. Throws a data error naming the key if it is not that of a plain ViT or ResNet CLIP.
 */
export async function readOpenClipConfig(path: string): Promise<ConfigFile> {
  const json = await readJson(path, recordOf(z.unknown()), mostConfigBytes);
  const bare = 'embed_dim' in json && !('model_cfg' in json);
  const parsed = bare ? { model_cfg: checkedJson(path, json, modelSchema) } : checkedJson(path, json, schema);
  const { model_cfg: model, preprocess_cfg = undefined } = parsed as z.infer<typeof schema>;
  const preprocess = preprocess_cfg ?? preprocessSchema.parse({});
  const { vision_cfg: vision, text_cfg: text } = model;
  const resolution = typeof vision.image_size === 'number' ? vision.image_size : vision.image_size[0];
  const image: ClipConfig['image'] = Array.isArray(vision.layers)
    ? {
        kind: 'resnet',
        width: vision.width,
        layers: vision.layers,
        heads: Math.trunc((vision.width * 32) / vision.head_width),
        resolution,
      }
    : {
        kind: 'vit',
        width: vision.width,
        layers: vision.layers,
        heads: Math.trunc(vision.width / vision.head_width),
        patch: vision.patch_size ?? 16,
        resolution,
        hidden: Math.trunc(vision.width * vision.mlp_ratio),
      };
  const config = checkedConfig(path, {
    image,
    text: {
      width: text.width,
      layers: text.layers,
      heads: text.heads,
      context: text.context_length,
      vocabulary: text.vocab_size,
      hidden: Math.trunc(text.width * text.mlp_ratio),
    },
    embedding: model.embed_dim,
    activation: model.quick_gelu ? 'quick-gelu' : 'gelu',
    preprocessing: {
      mean: preprocess.mean,
      std: preprocess.std,
      resize: preprocess.resize_mode,
      interpolation: preprocess.interpolation,
      centre: 'torchvision',
    },
  });
  const own: Origin = { from: 'config', note: basename(path) };
  return {
    config,
    origins: {
      architecture: own,
      heads: own,
      activation:
        model.quick_gelu === undefined
          ? { from: 'config', note: `${own.note} without "quick_gelu": open_clip's default` }
          : own,
      preprocessing: preprocess_cfg
        ? own
        : { from: 'assumed', note: `OpenAI's, as ${own.note} has no "preprocess_cfg"` },
    },
  };
}

/** Whether a file of any name is meant as such a configuration, even one with mistakes. */
export async function isOpenClipConfig(path: string): Promise<boolean> {
  // A log or list with the name of a model may have any size, and need not be text.
  const text = await readSmallText(path, mostConfigBytes).catch(() => '');
  if (!/"(model_cfg|embed_dim)"/.test(text)) return false;
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null && ('model_cfg' in json || 'embed_dim' in json);
  } catch {
    // A mistake in the JSON: reading the file will name the place.
    return true;
  }
}

/**
 * The content of `open_clip_config.json`, as open_clip's own exporter lays it out. Its readers crop as torchvision
 * does, even if the model came from transformers.
 */
export function toOpenClipConfig({ image, text, embedding, activation, preprocessing }: ClipConfig): object {
  const channels = image.kind === 'vit' ? image.width : image.width * 32;
  return {
    model_cfg: {
      embed_dim: embedding,
      quick_gelu: activation === 'quick-gelu',
      vision_cfg: {
        image_size: image.resolution,
        layers: image.layers,
        width: image.width,
        head_width: channels / image.heads,
        ...(image.kind === 'vit'
          ? { patch_size: image.patch, mlp_ratio: ratio(image.hidden, image.width) }
          : { patch_size: null }),
      },
      text_cfg: {
        context_length: text.context,
        vocab_size: text.vocabulary,
        width: text.width,
        heads: text.heads,
        layers: text.layers,
        mlp_ratio: ratio(text.hidden, text.width),
      },
    },
    preprocess_cfg: {
      mean: preprocessing.mean,
      std: preprocessing.std,
      interpolation: preprocessing.interpolation,
      resize_mode: preprocessing.resize,
    },
  };
}

/** A ratio from which `int(width * ratio)` gives `hidden` again, despite rounding. */
function ratio(hidden: number, width: number): number {
  const exact = hidden / width;
  return Math.trunc(width * exact) === hidden ? exact : (hidden + 0.5) / width;
}
