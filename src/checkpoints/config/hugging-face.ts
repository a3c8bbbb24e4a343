/** @file A Hugging Face folder's `config.json` and image processor to a `ClipConfig` (transformers, `models/clip`). */
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import type { Origin } from '../../clip/clip.ts';
import { openAiPreprocessing, type Preprocessing } from '../../clip/config.ts';
import { badData } from '../../errors.ts';
import { isThere } from '../../tensor/files/file-bytes.ts';
import { checkedJson, readJson } from '../../tensor/files/json-file.ts';
import { recordOf } from '../../tensor/files/json-lists.ts';
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

/** transformers omits keys that have their default, so the defaults belong to the format. */
const tower = {
  hidden_act: z.enum(['quick_gelu', 'gelu']).default('quick_gelu'),
  layer_norm_eps: z.literal(1e-5).default(1e-5),
  num_hidden_layers: layerCount.default(12),
};

const textSchema = z.object({
  ...tower,
  hidden_size: size.default(512),
  intermediate_size: size.default(2048),
  num_attention_heads: size.default(8),
  max_position_embeddings: size.default(77),
  vocab_size: size.default(49_408),
});

const visionSchema = z.object({
  ...tower,
  hidden_size: size.default(768),
  intermediate_size: size.default(3072),
  num_attention_heads: size.default(12),
  num_channels: z.literal(3).default(3),
  image_size: size.default(224),
  patch_size: size.default(32),
});

const partial = z.record(z.string(), z.unknown()).nullish();

const schema = z.object({
  model_type: z.literal('clip', { error: `"clip"; ${plainClipsOnly}` }),
  projection_dim: size.default(512),
  text_config: partial,
  vision_config: partial,
  // Where early files repeat a tower here, transformers ignores the one above.
  text_config_dict: partial,
  vision_config_dict: partial,
});

const sideOrSides = z.union([size, z.object({ height: size, width: size }), z.object({ shortest_edge: size })]);

/**
 * The names of one image processor in versions of transformers. Other processors have other defaults, and another
 * meaning of `size`.
 */
const processorName = z
  .enum(['CLIPImageProcessor', 'CLIPImageProcessorFast', 'CLIPImageProcessorPil', 'CLIPFeatureExtractor'])
  .nullish();

/** 1/255 differs by 2e-10 between single and double precision. */
const isByteScale = (factor: number) => Math.abs(factor - 1 / 255) < 1e-9;

const processorSchema = z.object({
  image_processor_type: processorName,
  feature_extractor_type: processorName,
  image_mean: threeNumbers.default([...openAiPreprocessing.mean]),
  image_std: threePositive.default([...openAiPreprocessing.std]),
  /** PIL's numbers for its filters. */
  resample: z.union([z.literal(2), z.literal(3)]).default(3),
  size: sideOrSides.default({ shortest_edge: 224 }),
  crop_size: sideOrSides.default({ height: 224, width: 224 }),
  do_resize: z.literal(true).default(true),
  do_center_crop: z.boolean().default(true),
  do_normalize: z.literal(true).default(true),
  do_rescale: z.literal(true).default(true),
  rescale_factor: z.number().refine(isByteScale, '1/255').nullish(),
});

/** Newer versions of transformers put the image processor's settings into the processor's. */
const processorFiles = [
  { file: 'preprocessor_config.json', schema: processorSchema },
  {
    file: 'processor_config.json',
    schema: z.object({ image_processor: processorSchema }).transform(({ image_processor }) => image_processor),
  },
];

export const processorFileNames: readonly string[] = processorFiles.map(({ file }) => file);

/** Reads the configuration of a folder. Throws a data error naming file and key if it is not that of a CLIP. */
export async function readHuggingFaceConfig(path: string): Promise<ConfigFile> {
  const json = await readJson(path, recordOf(z.unknown()), mostConfigBytes);
  if ('model_cfg' in json && !('model_type' in json))
    throw badData(path, 'a configuration of open_clip', 'one of transformers', 'call it open_clip_config.json');
  const config = checkedJson(path, json, schema);
  const text = towerOf(path, 'text_config', textSchema, config);
  const vision = towerOf(path, 'vision_config', visionSchema, config);
  if (text.hidden_act !== vision.hidden_act)
    throw badData(
      path,
      `${vision.hidden_act} in the image tower and ${text.hidden_act} in the text tower`,
      'one activation',
    );
  const { preprocessing, origin } = await readProcessor(dirname(path), vision.image_size);
  const checked = checkedConfig(path, {
    image: {
      kind: 'vit',
      width: vision.hidden_size,
      layers: vision.num_hidden_layers,
      heads: vision.num_attention_heads,
      patch: vision.patch_size,
      resolution: vision.image_size,
      hidden: vision.intermediate_size,
    },
    text: {
      width: text.hidden_size,
      layers: text.num_hidden_layers,
      heads: text.num_attention_heads,
      context: text.max_position_embeddings,
      vocabulary: text.vocab_size,
      hidden: text.intermediate_size,
    },
    embedding: config.projection_dim,
    activation: text.hidden_act === 'gelu' ? 'gelu' : 'quick-gelu',
    preprocessing,
  });
  const own: Origin = { from: 'config', note: basename(path) };
  return {
    config: checked,
    origins: { architecture: own, heads: own, activation: own, preprocessing: origin },
  };
}

function towerOf<T>(
  path: string,
  tower: 'text_config' | 'vision_config',
  towerSchema: z.ZodType<T>,
  config: z.infer<typeof schema>,
): T {
  const repeated = config[`${tower}_dict`] ?? undefined;
  const key = repeated ? `${tower}_dict` : tower;
  return checkedJson(path, repeated ?? config[tower] ?? {}, towerSchema, { within: [key] });
}

async function readProcessor(
  folder: string,
  resolution: number,
): Promise<{ preprocessing: Preprocessing; origin: Origin }> {
  for (const { file, schema } of processorFiles) {
    const path = join(folder, file);
    if (!(await isThere(path))) continue;
    const processor = await readJson(path, schema, mostConfigBytes);
    const squashed = typeof processor.size === 'object' && 'height' in processor.size;
    for (const wanted of processor.do_center_crop ? [processor.size, processor.crop_size] : [processor.size]) {
      if (sides(wanted).some((side) => side !== resolution))
        throw badData(
          path,
          `pictures of ${sides(wanted).join(' x ')} pixels`,
          `${resolution} x ${resolution}, as config.json says`,
        );
    }
    if (!squashed && !processor.do_center_crop)
      throw badData(path, 'no centre crop behind a resize that keeps proportions', 'a square in the end');
    return {
      preprocessing: {
        mean: processor.image_mean,
        std: processor.image_std,
        resize: squashed ? 'squash' : 'shortest',
        interpolation: processor.resample === 2 ? 'bilinear' : 'bicubic',
        centre: 'transformers',
      },
      origin: { from: 'config', note: file },
    };
  }
  return {
    preprocessing: openAiPreprocessing,
    origin: { from: 'assumed', note: `OpenAI's, as there is neither ${processorFileNames.join(' nor ')}` },
  };
}

function sides(of: z.infer<typeof sideOrSides>): readonly number[] {
  if (typeof of === 'number') return [of, of];
  return 'height' in of ? [of.height, of.width] : [of.shortest_edge, of.shortest_edge];
}
