/** @file Limits of configurations of either format: bounded sizes, and checks across them. */
import { z } from 'zod';
import type { Reading } from '../../clip/clip.ts';
import type { ClipConfig, ResNetConfig, TextConfig, VitConfig } from '../../clip/config.ts';
import { badData } from '../../errors.ts';

/** Bounds far above any CLIP (widest 2,560, deepest 64): larger values would exhaust the memory. */
export const most = { size: 1 << 20, layers: 1024 };

/**
 * Tighter bounds for sizes that enter the memory squared, however small the weights are. The largest known CLIPs take
 * 448 pixels in 32 patches a side and, Long-CLIP, 248 tokens.
 */
const longest = { resolution: 1024, patchesPerSide: 64, context: 2048 };

/** Advice for models of other architectures. */
export const plainClipsOnly = 'only CLIPs made of a ViT or a ModifiedResNet and a text transformer can be opened';

/** A configuration has some 5 KB; early ones of transformers, which write every default, 10 KB. */
export const mostConfigBytes = 1 << 20;

export const size = z.number().int().positive().max(most.size);
export const layerCount = z.number().int().positive().max(most.layers);
export const threeNumbers = z.tuple([z.number(), z.number(), z.number()]);
export const threePositive = z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]);

/** The content of a configuration file, and the source of each fact. */
export interface ConfigFile {
  readonly config: ClipConfig;
  readonly origins: Omit<Reading['origins'], 'tokenizer'>;
}

/**
 * Checks relations between numbers, and the tighter bounds.
 *
 * @param path the configuration file, for errors
 */
export function checkedConfig(path: string, config: ClipConfig): ClipConfig {
  const { image, text } = config;
  const refuse = (tower: string, found: string, expected: string) => badData(`${path}: ${tower}`, found, expected);
  const split = (tower: string, { width, heads }: Pick<VitConfig | TextConfig, 'width' | 'heads'>) => {
    if (heads < 1 || width % heads !== 0)
      throw refuse(tower, `${heads} heads for a width of ${width}`, 'a width that the heads divide');
  };
  split('text tower', text);
  if (text.context > longest.context)
    throw refuse('text tower', `texts of ${text.context} tokens`, `at most ${longest.context}`);
  if (image.resolution > longest.resolution)
    throw refuse(
      'image tower',
      `pictures of ${image.resolution} x ${image.resolution} pixels`,
      `at most ${longest.resolution} pixels a side`,
    );
  if (image.kind === 'vit') {
    split('image tower', image);
    if (image.resolution % image.patch !== 0)
      throw refuse(
        'image tower',
        `patches of ${image.patch} in ${image.resolution} pixels`,
        'patches that fill the picture',
      );
    const side = image.resolution / image.patch;
    if (side > longest.patchesPerSide)
      throw refuse('image tower', `${side} x ${side} patches`, `at most ${longest.patchesPerSide} a side`);
  } else {
    checkResNet(image, refuse);
  }
  return config;
}

function checkResNet(image: ResNetConfig, refuse: (tower: string, found: string, expected: string) => Error): void {
  if (image.width % 2 !== 0) throw refuse('image tower', `a width of ${image.width}`, 'an even width');
  if (image.resolution % 32 !== 0)
    throw refuse('image tower', `a resolution of ${image.resolution}`, 'a multiple of 32, the sum of its strides');
  const pooled = image.width * 32;
  if (image.heads < 1 || pooled % image.heads !== 0)
    throw refuse('image tower', `${image.heads} heads for ${pooled} channels`, 'channels that the heads divide');
}
