/** @file The description of a CLIP that `inspect` prints, made without running it. */
import type { Clip, Reading } from '../clip/clip.ts';
import type { Activation, Preprocessing } from '../clip/config.ts';
import { shapeOf } from '../clip/parameters.ts';
import { elements } from '../tensor/tensor.ts';

export interface ClipDescription {
  readonly model: string;
  readonly format: Clip['format'];
  readonly image: {
    readonly kind: 'vit' | 'resnet';
    readonly width: number;
    /** Blocks; of a ResNet, in each of its four stages. */
    readonly layers: number | readonly number[];
    readonly heads: number;
    /** Null where there are no patches. */
    readonly patch: number | null;
    readonly resolution: number;
  };
  readonly text: {
    readonly width: number;
    readonly layers: number;
    readonly heads: number;
    readonly context: number;
    readonly vocabulary: number;
  };
  readonly embedding: number;
  readonly activation: Activation;
  readonly preprocessing: Preprocessing;
  /** Count of trained numbers: without the running statistics of a ResNet, as in PyTorch. */
  readonly parameters: number;
  readonly sha256: string;
  /** How it was read: files, names, element types, and the source of each fact. */
  readonly reading: Reading;
}

export function describeClip(clip: Clip): ClipDescription {
  const { image, text, embedding, activation, preprocessing } = clip.config;
  return {
    model: clip.name,
    format: clip.format,
    image: {
      kind: image.kind,
      width: image.width,
      layers: image.layers,
      heads: image.heads,
      patch: image.kind === 'vit' ? image.patch : null,
      resolution: image.resolution,
    },
    text: {
      width: text.width,
      layers: text.layers,
      heads: text.heads,
      context: text.context,
      vocabulary: text.vocabulary,
    },
    embedding,
    activation,
    preprocessing,
    parameters: countTrained(clip),
    sha256: clip.sha256,
    reading: clip.reading,
  };
}

function countTrained({ parameters }: Clip): number {
  let count = 0;
  for (const [name, parameter] of parameters) {
    if (!/\.running_(mean|var)$/.test(name)) count += elements(shapeOf(parameter));
  }
  return count;
}
