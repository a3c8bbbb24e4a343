/** @file CLIP's vision transformer: pixels to the class token's projection (OpenAI `clip/model.py`, VisionTransformer). */
import { add } from '../graph/elementwise.ts';
import { broadcastTo, concat, reshape, slice, transpose } from '../graph/layout.ts';
import { linear, matMul } from '../graph/linear-algebra.ts';
import type { Value } from '../graph/value.ts';
import type { Activation, VitConfig } from './config.ts';
import { asMatrix, type ParameterValues } from './parameters.ts';
import type { StagedEmbeddings } from './staged-embeddings.ts';
import { norm, residualBlock } from './transformer.ts';

/**
 * @param pixels normalised, [n, 3, resolution, resolution]
 * @returns image embeddings, not normalised, [n, embedding], and the tokens after each quarter of the blocks; after the
 * last one only the class token
 */
export function visionTransformer(
  config: VitConfig,
  activation: Activation,
  parameters: ParameterValues,
  pixels: Value,
): StagedEmbeddings {
  const { width, heads, layers } = config;
  const ends = new Set([1, 2, 3, 4].map((quarter) => Math.ceil((quarter * layers) / 4) - 1));
  const stages: Value[] = [];
  const n = pixels.shape[0]!;
  const classToken = broadcastTo(reshape(parameters('visual.class_embedding'), [1, 1, width]), [n, 1, width]);
  const tokens = concat([classToken, patchEmbedding(config, parameters, pixels)], 1);
  let x = norm(parameters, 'visual.ln_pre', add(tokens, parameters('visual.positional_embedding')));
  for (let layer = 0; layer < layers; layer++) {
    // The projection reads the class token only, so the last block computes nothing else.
    const queries = layer === layers - 1 ? slice(x, 1, 0, 1) : x;
    const prefix = `visual.transformer.resblocks.${layer}.`;
    x = residualBlock({ width, heads, activation }, parameters, prefix, x, { queries });
    if (ends.has(layer)) stages.push(transpose(x, [0, 2, 1]));
  }
  const pooled = norm(parameters, 'visual.ln_post', reshape(x, [n, width]));
  return { stages, embeddings: matMul(pooled, parameters('visual.proj')) };
}

/** A convolution whose stride is its kernel size is one matrix product over patches, in the backward pass as well. */
function patchEmbedding(config: VitConfig, parameters: ParameterValues, pixels: Value): Value {
  const { patch, resolution } = config;
  const n = pixels.shape[0]!;
  const grid = resolution / patch;
  const cut = transpose(reshape(pixels, [n, 3, grid, patch, grid, patch]), [0, 2, 4, 1, 3, 5]);
  const patches = reshape(cut, [n, grid * grid, 3 * patch * patch]);
  return linear(patches, asMatrix(parameters('visual.conv1.weight')));
}
