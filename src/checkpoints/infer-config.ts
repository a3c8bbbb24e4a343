/** @file An architecture from the shapes of its weights, where there is no configuration (OpenAI `clip/model.py`, build_model). */
import type { Origin, Reading } from '../clip/clip.ts';
import { type ClipConfig, openAiPreprocessing, type ResNetConfig, type VitConfig } from '../clip/config.ts';
import { badData } from '../errors.ts';
import type { Shape, StoredTensor } from '../tensor/tensor.ts';
import { checkedConfig, most } from './config-parts.ts';
import { called, type Layout, shapeIn, sourceOf } from './key-map.ts';
import { type KnownModel, type KnownReading, knownModels, modelsOfShapes, type Shapes } from './known-architectures.ts';

/** OpenAI's code makes as many heads of this width as fit. */
const headWidth = 64;

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
  const models = modelsOfShapes(await knownModels(), shapes);
  const model = models[0];
  const published = publishedAs(models, sha256);
  const heads = headsOf(path, shapes, model);
  const reading = model && readingOf(model, published, quickGelu);
  const config = checkedConfig(path, {
    image: { ...shapes.image, heads: heads.image },
    text: { ...shapes.text, heads: heads.text },
    embedding: shapes.embedding,
    activation: reading?.activation ?? 'quick-gelu',
    preprocessing: reading?.preprocessing ?? openAiPreprocessing,
  } as ClipConfig);
  return {
    config,
    known: model?.name ?? null,
    origins: {
      architecture: { from: 'shapes', note: 'the shapes of the weights' },
      heads: heads.origin,
      activation: activationOrigin(model, published, quickGelu),
      preprocessing: preprocessingOrigin(model, published),
    },
  };
}

function publishedAs(models: readonly KnownModel[], sha256: string): KnownReading | undefined {
  return models.flatMap(({ readings }) => readings).find((reading) => reading.sha256 === sha256);
}

function readingOf(
  { readings }: KnownModel,
  published: KnownReading | undefined,
  quickGelu: string | undefined,
): KnownReading {
  if (published) return published;
  return (quickGelu !== undefined && readings.find(({ activation }) => activation === 'quick-gelu')) || readings[0];
}

function activationOrigin(model?: KnownModel, published?: KnownReading, quickGelu?: string): Origin {
  if (published) return { from: 'known', note: `the file of ${model!.name} that ${published.by.join(', ')} published` };
  if (quickGelu !== undefined) return { from: 'known', note: quickGelu };
  if (model === undefined) return { from: 'assumed', note: "OpenAI's; weights do not tell" };
  const alike = model.readings.every(({ activation }) => activation === model.readings[0].activation);
  if (alike && model.readings[0].by.length > 0)
    return { from: 'known', note: `that of all known ${model.name} (${model.readings[0].by[0]}, ...)` };
  const [first] = model.readings;
  return { from: 'assumed', note: `that of ${model.name} by ${first.by[0] ?? 'its configuration'}; others differ` };
}

function preprocessingOrigin(model?: KnownModel, published?: KnownReading): Origin {
  if (published) return { from: 'known', note: `that of ${model!.name} by ${published.by.join(', ')}` };
  if (model === undefined) return { from: 'assumed', note: "OpenAI's; weights do not tell" };
  const first = JSON.stringify(model.readings[0].preprocessing);
  return model.readings.every(({ preprocessing }) => JSON.stringify(preprocessing) === first)
    ? { from: 'known', note: `that of all known ${model.name}` }
    : { from: 'assumed', note: `that of ${model.name} by ${model.readings[0].by[0]}; others differ` };
}

interface Heads {
  readonly image: number;
  readonly text: number;
  readonly origin: Origin;
}

function headsOf(path: string, { image, text }: Shapes, model: KnownModel | undefined): Heads {
  if (model)
    return { image: model.image.heads, text: model.text.heads, origin: { from: 'known', note: `as in ${model.name}` } };
  const channels = image.kind === 'vit' ? image.width : image.width * 32;
  const of = (tower: string, width: number) => {
    const heads = Math.trunc(width / headWidth);
    if (heads > 0 && width % heads === 0) return heads;
    throw badData(
      path,
      `${tower} of width ${width} and no configuration, so the number of heads is unknown`,
      `a width of heads that are ${headWidth} wide, as OpenAI's are`,
      'put an open_clip configuration beside it, under the same name with .json at its end',
    );
  };
  return {
    image: of('an image encoder', channels),
    text: of('a text encoder', text.width),
    origin: {
      from: 'assumed',
      note: `the width over ${headWidth}, rounded down, as in OpenAI's code; weights do not tell`,
    },
  };
}

/** Reads off every size that a weight's shape shows. What contradicts it is found when all parameters are mapped. */
function shapesOf(path: string, layout: Layout, tensors: ReadonlyMap<string, StoredTensor>): Shapes {
  const look = (name: string) => shapeIn(layout, tensors, name);
  const where = (name: string) => `${path}: ${called(name, sourceOf(layout, name))}`;
  const shape = (name: string, axes: number): Shape => {
    const found = look(name);
    if (found === undefined) throw badData(where(name), 'nothing', 'a tensor, as every CLIP has');
    if (found.length !== axes || found.some((size) => size < 1 || size > most.size))
      throw badData(where(name), `shape [${found.join(', ')}]`, `${axes} axes of 1 to ${most.size}`);
    return found;
  };
  const size = (name: string, axes: number, axis: number) => shape(name, axes)[axis]!;
  const count = (name: (index: number) => string) => {
    let found = 0;
    while (look(name(found)) !== undefined) found++;
    if (found === 0 || found > most.layers)
      throw badData(where(name(0)), `${found} such layers`, `1 to ${most.layers} of them, numbered from 0`);
    return found;
  };
  /** Side of the square whose places, and one more, have positions. */
  const grid = (name: string) => {
    const positions = size(name, 2, 0);
    const side = Math.round(Math.sqrt(positions - 1));
    if (side < 1 || side * side !== positions - 1)
      throw badData(where(name), `${positions} positions`, 'one for every place of a square and one more');
    return side;
  };
  const transformer = (prefix: string) => ({
    layers: count((index) => `${prefix}resblocks.${index}.ln_1.weight`),
    hidden: size(`${prefix}resblocks.0.mlp.c_fc.weight`, 2, 0),
  });
  const vit = (): Omit<VitConfig, 'heads'> => {
    const patch = size('visual.conv1.weight', 4, 2);
    return {
      kind: 'vit',
      width: size('visual.conv1.weight', 4, 0),
      patch,
      resolution: patch * grid('visual.positional_embedding'),
      ...transformer('visual.transformer.'),
    };
  };
  const resnet = (): Omit<ResNetConfig, 'heads'> => {
    const blocks = (stage: number) => count((index) => `visual.layer${stage}.${index}.conv1.weight`);
    return {
      kind: 'resnet',
      width: size('visual.layer1.0.conv1.weight', 4, 0),
      layers: [blocks(1), blocks(2), blocks(3), blocks(4)],
      resolution: 32 * grid('visual.attnpool.positional_embedding'),
    };
  };
  return {
    image: look('visual.layer1.0.conv1.weight') === undefined ? vit() : resnet(),
    text: {
      width: size('ln_final.weight', 1, 0),
      context: size('positional_embedding', 2, 0),
      vocabulary: size('token_embedding.weight', 2, 0),
      ...transformer('transformer.'),
    },
    embedding: size('text_projection', 2, 1),
  };
}
