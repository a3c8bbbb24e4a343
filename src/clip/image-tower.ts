/** @file The image tower of either kind: pixels in [0, 1] to image embeddings. */
import { div, sub } from '../graph/elementwise.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { float32 } from '../tensor/tensor.ts';
import type { ClipConfig } from './config.ts';
import { type BatchNormalisation, modifiedResNet } from './modified-resnet.ts';
import type { ParameterValues } from './parameters.ts';
import type { StagedEmbeddings } from './staged-embeddings.ts';
import { visionTransformer } from './vision-transformer.ts';

/**
 * @param pixels in [0, 1], [n, 3, resolution, resolution]; normalised here
 * @param normalise how a ResNet's batch normalisation works; running statistics if left out
 * @returns image embeddings, not normalised, [n, embedding]
 */
export function imageTower(
  config: ClipConfig,
  parameters: ParameterValues,
  pixels: Value,
  normalise?: BatchNormalisation,
): Value {
  return stagedImageTower(config, parameters, pixels, normalise).embeddings;
}

/** The same with the activations after each stage, for methods that use them. */
export function stagedImageTower(
  config: ClipConfig,
  parameters: ParameterValues,
  pixels: Value,
  normalise?: BatchNormalisation,
): StagedEmbeddings {
  const { mean, std } = config.preprocessing;
  return towers(config, parameters, div(sub(pixels, channels(mean)), channels(std)), normalise);
}

/** The tower without its normalisation, for pixels that are normalised already, as in exported models. */
export function normalisedImageTower(config: ClipConfig, parameters: ParameterValues, normalised: Value): Value {
  return towers(config, parameters, normalised).embeddings;
}

function towers(
  config: ClipConfig,
  parameters: ParameterValues,
  normalised: Value,
  normalise?: BatchNormalisation,
): StagedEmbeddings {
  return config.image.kind === 'vit'
    ? visionTransformer(config.image, config.activation, parameters, normalised)
    : modifiedResNet(config.image, parameters, normalised, normalise);
}

function channels(values: readonly number[]): Value {
  return constant(float32(values, [1, 3, 1, 1]));
}
