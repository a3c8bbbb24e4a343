/** @file CLIP's ModifiedResNet: three-convolution stem, pools instead of strides, attention pooling (OpenAI `clip/model.py`). */
import { averagePool2d, conv2d } from '../graph/convolution.ts';
import { add, mul, relu } from '../graph/elementwise.ts';
import { concat, reshape, slice, transpose, transposeLast } from '../graph/layout.ts';
import { matMul } from '../graph/linear-algebra.ts';
import { batchNorm } from '../graph/normalization.ts';
import { mean, softmax } from '../graph/reduction.ts';
import type { Value } from '../graph/value.ts';
import type { ResNetConfig } from './config.ts';
import type { ParameterValues } from './parameters.ts';
import type { StagedEmbeddings } from './staged-embeddings.ts';
import { affine } from './transformer.ts';

/** How a batch normalisation layer called `name` is applied to x [n, channels, height, width]. */
export type BatchNormalisation = (name: string, x: Value) => Value;

/** Inference: with the running statistics of training. */
function runningStatistics(parameters: ParameterValues): BatchNormalisation {
  return (name, x) =>
    batchNorm(
      x,
      parameters(`${name}.weight`),
      parameters(`${name}.bias`),
      parameters(`${name}.running_mean`),
      parameters(`${name}.running_var`),
    );
}

/**
 * @param pixels normalised, [n, 3, resolution, resolution]
 * @returns image embeddings, not normalised, [n, embedding], and the activations after each of the four stages
 */
export function modifiedResNet(
  config: ResNetConfig,
  parameters: ParameterValues,
  pixels: Value,
  normalise: BatchNormalisation = runningStatistics(parameters),
): StagedEmbeddings {
  const convolve = (name: string, x: Value, stride = 1) => {
    const kernel = parameters(`visual.${name}.weight`);
    return conv2d(x, kernel, { stride, padding: (kernel.shape[2]! - 1) / 2 });
  };
  const layer = (conv: string, bn: string, x: Value, stride = 1) =>
    normalise(`visual.${bn}`, convolve(conv, x, stride));

  let x = relu(layer('conv1', 'bn1', pixels, 2));
  x = relu(layer('conv2', 'bn2', x));
  x = relu(layer('conv3', 'bn3', x));
  x = averagePool2d(x, 2);
  const stages = config.layers.map((blocks, stage) => {
    const planes = config.width * 2 ** stage;
    for (let block = 0; block < blocks; block++) {
      x = bottleneck(layer, `layer${stage + 1}.${block}`, x, planes, stage > 0 && block === 0 ? 2 : 1);
    }
    const [n, channels, height, width] = x.shape as [number, number, number, number];
    return reshape(x, [n, channels, height * width]);
  });
  return { stages, embeddings: attentionPool(parameters, x, config.heads) };
}

type ConvolutionLayer = (conv: string, bn: string, x: Value) => Value;

/** 1x1, 3x3, 1x1; a stride is an average pool after the convolution, not a stride of it. */
function bottleneck(layer: ConvolutionLayer, prefix: string, x: Value, planes: number, stride: number): Value {
  let y = relu(layer(`${prefix}.conv1`, `${prefix}.bn1`, x));
  y = relu(layer(`${prefix}.conv2`, `${prefix}.bn2`, y));
  y = layer(`${prefix}.conv3`, `${prefix}.bn3`, stride > 1 ? averagePool2d(y, stride) : y);
  const changesShape = stride > 1 || x.shape[1] !== planes * 4;
  const shortcut = changesShape
    ? layer(`${prefix}.downsample.0`, `${prefix}.downsample.1`, stride > 1 ? averagePool2d(x, stride) : x)
    : x;
  return relu(add(y, shortcut));
}

/**
 * One attention whose only query is the mean over all positions.
 *
 * With one query, the key and value projections of all positions are not needed: each head's query goes through the
 * transposed key projection and meets the tokens themselves, and their weighted mean goes through the value projection
 * once. The result is the same up to rounding, for a fifth of the products at 2 x 2 positions and a 25th at 7 x 7. The
 * bias of the keys shifts all scores of a head equally, so softmax cancels it.
 */
function attentionPool(parameters: ParameterValues, x: Value, heads: number): Value {
  const [n, channels, height, width] = x.shape as [number, number, number, number];
  const size = channels / heads;
  const positions = transpose(reshape(x, [n, channels, height * width]), [0, 2, 1]);
  const withMean = concat([mean(positions, [1], true), positions], 1);
  const tokens = add(withMean, parameters('visual.attnpool.positional_embedding'));

  // Projections run head by head, attention picture by picture.
  const swapFirstAxes = (x: Value) => transpose(x, [1, 0, 2]);
  const byHead = (name: string) => reshape(parameters(`visual.attnpool.${name}.weight`), [heads, size, channels]);
  const query = affine(parameters, 'visual.attnpool.q_proj', reshape(slice(tokens, 1, 0, 1), [n, channels]));
  const queries = swapFirstAxes(reshape(query, [n, heads, size]));
  const queriesByKeys = swapFirstAxes(matMul(queries, byHead('k_proj')));
  const weights = softmax(mul(matMul(queriesByKeys, transposeLast(tokens)), size ** -0.5));
  const mixed = swapFirstAxes(matMul(weights, tokens));
  const values = swapFirstAxes(matMul(mixed, transposeLast(byHead('v_proj'))));
  const joined = add(reshape(values, [n, channels]), parameters('visual.attnpool.v_proj.bias'));
  return affine(parameters, 'visual.attnpool.c_proj', joined);
}
