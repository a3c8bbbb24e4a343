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

/** As at inference: with the running statistics of training. */
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
 * @returns image embeddings, not normalised, [n, embedding], and what the four groups of blocks give
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

/** 1x1, 3x3, 1x1; where others stride a convolution, an average pool follows it. */
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
 * One attention whose only query is the mean over all places.
 *
 * With one query, places need not be made keys and values: what a head asks is turned back through the key projection and
 * compared with the places as they are, and what it has mixed of them goes through the value projection once. The same
 * numbers but for rounding, for a fifth of the products at 2 x 2 places and a 25th at 7 x 7. A bias of the keys adds as much
 * to all scores of a head, and softmax takes it off again.
 */
function attentionPool(parameters: ParameterValues, x: Value, heads: number): Value {
  const [n, channels, height, width] = x.shape as [number, number, number, number];
  const size = channels / heads;
  const places = transpose(reshape(x, [n, channels, height * width]), [0, 2, 1]);
  const withMean = concat([mean(places, [1], true), places], 1);
  const tokens = add(withMean, parameters('visual.attnpool.positional_embedding'));

  // Projections are taken head by head, places picture by picture.
  const exchanged = (x: Value) => transpose(x, [1, 0, 2]);
  const byHead = (name: string) => reshape(parameters(`visual.attnpool.${name}.weight`), [heads, size, channels]);
  const query = affine(parameters, 'visual.attnpool.q_proj', reshape(slice(tokens, 1, 0, 1), [n, channels]));
  const queries = exchanged(reshape(query, [n, heads, size]));
  const asked = exchanged(matMul(queries, byHead('k_proj')));
  const weights = softmax(mul(matMul(asked, transposeLast(tokens)), size ** -0.5));
  const mixed = exchanged(matMul(weights, tokens));
  const values = exchanged(matMul(mixed, transposeLast(byHead('v_proj'))));
  const joined = add(reshape(values, [n, channels]), parameters('visual.attnpool.v_proj.bias'));
  return affine(parameters, 'visual.attnpool.c_proj', joined);
}
