/** @file An architecture without a configuration: from the shapes of the weights, and from known models. */
import type { Reading } from '../../clip/clip.ts';
import { type ClipConfig, openAiPreprocessing } from '../../clip/config.ts';
import { badData } from '../../errors.ts';
import type { StoredTensor } from '../../tensor/tensor.ts';
import type { Layout } from '../key-map.ts';
import { checkedConfig } from './config-limits.ts';
import { activationOrigin, type Evidence, headsOrigin, headWidth, preprocessingOrigin } from './inferred-origins.ts';
import {
  type KnownModel,
  type KnownReading,
  knownModels,
  modelsOfShapes,
  modelsOfTower,
  type Shapes,
} from './known-architectures.ts';
import { shapesOf } from './weight-shapes.ts';

export interface InferredConfig {
  readonly config: ClipConfig;
  readonly origins: Omit<Reading['origins'], 'tokenizer'>;
  readonly known: string | null;
}

/**
 * @param path the weights file, for errors
 * @param tensors by the layout's plain names
 * @param sha256 of the weights file: published files are known by it
 * @param quickGelu why the activation is OpenAI's for certain; undefined if nothing says so
 */
export async function inferConfig(
  path: string,
  layout: Layout,
  tensors: ReadonlyMap<string, StoredTensor>,
  sha256: string,
  quickGelu?: string,
): Promise<InferredConfig> {
  const shapes = shapesOf(path, layout, tensors);
  const evidence = evidenceOf(await knownModels(), shapes, sha256, quickGelu);
  const { model } = evidence;
  const heads = headsOf(path, evidence);
  const reading = readingOf(evidence);
  const config = checkedConfig(path, {
    image: { ...shapes.image, heads: heads.image },
    text: { ...shapes.text, heads: heads.text },
    embedding: shapes.embedding,
    activation: reading?.activation ?? 'quick-gelu',
    preprocessing: (model && reading?.preprocessing) ?? openAiPreprocessing,
  } as ClipConfig);
  return {
    config,
    known: model?.name ?? null,
    origins: {
      architecture: { from: 'shapes', note: 'the shapes of the weights' },
      heads: headsOrigin(evidence),
      activation: activationOrigin(evidence),
      preprocessing: preprocessingOrigin(evidence),
    },
  };
}

function evidenceOf(
  all: readonly KnownModel[],
  shapes: Shapes,
  sha256: string,
  quickGelu: string | undefined,
): Evidence {
  const models = modelsOfShapes(all, shapes);
  const [model] = models;
  const image = modelsOfTower(all, 'image', shapes);
  const text = modelsOfTower(all, 'text', shapes);
  const both = model ? [model] : image.filter((one) => text.includes(one));
  const published = models.flatMap(({ readings }) => readings).find((reading) => reading.sha256 === sha256);
  return {
    shapes,
    model,
    published: model && published && { model, reading: published },
    quickGelu,
    // OpenAI's archives have OpenAI's activation, whatever models with the same towers have.
    alike: model || quickGelu === undefined ? both : [],
    towers: { image: both[0] ?? image[0], text: both[0] ?? text[0] },
  };
}

/** The published reading of the known model that is followed; undefined if there is no such model. */
function readingOf({ published, quickGelu, alike: [model] }: Evidence): KnownReading | undefined {
  if (published) return published.reading;
  if (model === undefined) return undefined;
  const certain = quickGelu !== undefined && model.readings.find(({ activation }) => activation === 'quick-gelu');
  return certain || model.readings[0];
}

/** As in the known models of these towers; by the width for a tower that none of them has. */
function headsOf(path: string, { shapes, towers }: Evidence): { readonly image: number; readonly text: number } {
  const channels = shapes.image.kind === 'vit' ? shapes.image.width : shapes.image.width * 32;
  return {
    image: towers.image?.image.heads ?? headsByWidth(path, 'an image encoder', channels),
    text: towers.text?.text.heads ?? headsByWidth(path, 'a text encoder', shapes.text.width),
  };
}

function headsByWidth(path: string, tower: string, width: number): number {
  const heads = Math.trunc(width / headWidth);
  if (heads > 0 && width % heads === 0) return heads;
  throw badData(
    path,
    `${tower} of width ${width} and no configuration, so the number of heads is unknown`,
    `a width of heads that are ${headWidth} wide, as OpenAI's are`,
    'put an open_clip configuration beside it, under the same name with .json at its end',
  );
}
