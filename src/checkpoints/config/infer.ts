/** @file An architecture from the shapes of its weights, where there is no configuration (OpenAI `clip/model.py`, build_model). */
import type { Origin, Reading } from '../../clip/clip.ts';
import { type ClipConfig, openAiPreprocessing, type ResNetConfig, type VitConfig } from '../../clip/config.ts';
import { badData } from '../../errors.ts';
import type { Shape, StoredTensor } from '../../tensor/tensor.ts';
import { called, type Layout, shapeIn, sourceOf } from '../key-map.ts';
import {
  type KnownModel,
  type KnownReading,
  knownModels,
  modelsOfShapes,
  modelsOfTower,
  type Shapes,
} from './known-architectures.ts';
import { checkedConfig, most } from './parts.ts';

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
  const all = await knownModels();
  const models = modelsOfShapes(all, shapes);
  const model = models[0];
  const published = publishedAs(models, sha256);
  const image = modelsOfTower(all, 'image', shapes);
  const text = modelsOfTower(all, 'text', shapes);
  const both = model ? [model] : image.filter((one) => text.includes(one));
  const heads = headsOf(path, shapes, both[0] ?? image[0], both[0] ?? text[0]);
  // OpenAI's archives have OpenAI's activation, whatever is known of models that are alike only in part.
  const alike = model || quickGelu === undefined ? both : [];
  const reading = alike[0] && readingOf(alike[0], published, quickGelu);
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
      heads: heads.origin,
      activation: activationOrigin(alike, published, quickGelu),
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

/** @param models of these shapes or, if there is none, of these towers; the one whose activation it is comes first */
function activationOrigin(models: readonly KnownModel[], published?: KnownReading, quickGelu?: string): Origin {
  const [model] = models;
  if (published) return { from: 'known', note: `the file of ${model!.name} that ${published.by.join(', ')} published` };
  if (quickGelu !== undefined) return { from: 'known', note: quickGelu };
  if (model === undefined) return { from: 'assumed', note: "OpenAI's; weights do not tell" };
  const [first] = model.readings;
  const alike = models.every(({ readings }) => readings.every(({ activation }) => activation === first.activation));
  if (alike && first.by.length > 0)
    return { from: 'known', note: `that of all known ${model.name} (${first.by[0]}, ...)` };
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

/** @param image the known model that has this image tower, and `text` the one that has this text tower */
function headsOf(path: string, shapes: Shapes, image: KnownModel | undefined, text: KnownModel | undefined): Heads {
  const channels = shapes.image.kind === 'vit' ? shapes.image.width : shapes.image.width * 32;
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
    image: image?.image.heads ?? of('an image encoder', channels),
    text: text?.text.heads ?? of('a text encoder', shapes.text.width),
    origin: headsOrigin(shapes, image, text),
  };
}

function headsOrigin(shapes: Shapes, image: KnownModel | undefined, text: KnownModel | undefined): Origin {
  if (image && image === text) {
    const others = differences(shapes, image).join(' and ');
    return { from: 'known', note: `as in ${image.name}${others && `, but for ${others}`}` };
  }
  const byWidth = `the width over ${headWidth}, rounded down, as in OpenAI's code; weights do not tell`;
  if (!image && !text) return { from: 'assumed', note: byWidth };
  const of = (tower: string, model: KnownModel | undefined) => `${tower}: ${model ? `as in ${model.name}` : byWidth}`;
  return { from: image && text ? 'known' : 'assumed', note: `${of('image', image)}; ${of('text', text)}` };
}

/** What two models with the same blocks can still differ in. */
function differences(a: Shapes, b: Shapes): readonly string[] {
  const facts: Readonly<Record<string, (shapes: Shapes) => number>> = {
    resolution: ({ image }) => image.resolution,
    vocabulary: ({ text }) => text.vocabulary,
    context: ({ text }) => text.context,
    embedding: ({ embedding }) => embedding,
  };
  return Object.keys(facts).filter((fact) => facts[fact]!(a) !== facts[fact]!(b));
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
