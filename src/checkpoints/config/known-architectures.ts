/** @file Known CLIPs by name (data/architectures/), found by the shapes of their weights or by a hash. */
import { readdir, readFile } from 'node:fs/promises';
import type { Activation, Preprocessing, ResNetConfig, TextConfig, VitConfig } from '../../clip/config.ts';
import { openAiPreprocessing } from '../../clip/config.ts';

/** Published weights of an architecture, in the facts that change how they are read. */
interface Release {
  /** Tags, as open_clip calls them. Empty: no weights, but what the model's own configuration gives to new ones. */
  readonly by: readonly string[];
  readonly activation: Activation;
  /** Where it is not OpenAI's. */
  readonly mean?: Preprocessing['mean'];
  readonly std?: Preprocessing['std'];
  readonly resize?: Preprocessing['resize'];
  /** Of the published file. */
  readonly sha256?: string;
}

/** One file under data/architectures/. */
interface Architecture {
  readonly name: string;
  /** Source of these facts. */
  readonly source: string;
  readonly image: VitConfig | ResNetConfig;
  readonly text: TextConfig;
  readonly embedding: number;
  /** The best known first: it is assumed if nothing else decides. */
  readonly releases: readonly [Release, ...Release[]];
}

/** How published weights of one architecture are read. */
export interface KnownReading {
  readonly by: readonly string[];
  readonly activation: Activation;
  readonly preprocessing: Preprocessing;
  readonly sha256: string | undefined;
}

export interface KnownModel {
  readonly name: string;
  readonly image: VitConfig | ResNetConfig;
  readonly text: TextConfig;
  readonly embedding: number;
  readonly readings: readonly [KnownReading, ...KnownReading[]];
}

/** The facts of an architecture that show in the shapes of its weights: all but the numbers of heads. */
export interface Shapes {
  readonly image: Omit<VitConfig, 'heads'> | Omit<ResNetConfig, 'heads'>;
  readonly text: Omit<TextConfig, 'heads'>;
  readonly embedding: number;
}

/** Every known model, by name. Reads some dozens of small files, so call it only if there is no configuration. */
export async function knownModels(): Promise<readonly KnownModel[]> {
  const folder = new URL('../../../data/architectures/', import.meta.url);
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json')).sort();
  return Promise.all(
    files.map(async (file) => known(JSON.parse(await readFile(new URL(file, folder), 'utf8')) as Architecture)),
  );
}

function known({ name, image, text, embedding, releases: [first, ...others] }: Architecture): KnownModel {
  return { name, image, text, embedding, readings: [reading(first), ...others.map(reading)] };
}

function reading({ by, activation, mean, std, resize, sha256 }: Release): KnownReading {
  const usual = openAiPreprocessing;
  return {
    by,
    activation,
    preprocessing: { ...usual, mean: mean ?? usual.mean, std: std ?? usual.std, resize: resize ?? usual.resize },
    sha256,
  };
}

/** The known models with exactly these shapes. There may be several that differ in their heads. */
export function modelsOfShapes(models: readonly KnownModel[], shapes: Shapes): readonly KnownModel[] {
  const wanted = JSON.stringify(withoutHeads(shapes));
  return models.filter((model) => JSON.stringify(withoutHeads(model)) === wanted);
}

/**
 * The known models with the same blocks in this tower; resolution, vocabulary, context and embedding may differ. Those
 * published most often come first, as most derived models come from them.
 */
export function modelsOfTower(
  models: readonly KnownModel[],
  tower: 'image' | 'text',
  shapes: Shapes,
): readonly KnownModel[] {
  const wanted = JSON.stringify(blocks[tower](shapes));
  return models
    .filter((model) => JSON.stringify(blocks[tower](model)) === wanted)
    .sort((a, b) => timesPublished(b) - timesPublished(a));
}

function timesPublished({ readings }: KnownModel): number {
  return readings.filter(({ by }) => by.length > 0).length;
}

/** The facts of a tower's blocks: without heads, resolution, vocabulary, context and embedding. */
const blocks = {
  image: ({ image }: Shapes): unknown =>
    image.kind === 'vit'
      ? [image.kind, image.width, image.layers, image.patch, image.hidden]
      : [image.kind, image.width, image.layers],
  text: ({ text }: Shapes): unknown => [text.width, text.layers, text.hidden],
};

/** The facts in a fixed order of keys, so that they can be compared as text. */
function withoutHeads({ image, text, embedding }: Shapes): unknown {
  const side =
    image.kind === 'vit'
      ? [image.width, image.layers, image.patch, image.resolution, image.hidden]
      : [image.width, image.layers, image.resolution];
  return [image.kind, side, [text.width, text.layers, text.context, text.vocabulary, text.hidden], embedding];
}
