/** @file CLIP's text transformer: token embeddings to the projection at the end mark (OpenAI `clip/model.py`). */
import { add, greater, where } from '../graph/elementwise.ts';
import { gatherRows, pickPosition } from '../graph/indexing.ts';
import { reshape, slice } from '../graph/layout.ts';
import { constant } from '../graph/leaves.ts';
import { matMul } from '../graph/linear-algebra.ts';
import type { Value } from '../graph/value.ts';
import { float32, int64 } from '../tensor/tensor.ts';
import type { ClipConfig } from './config.ts';
import type { ParameterValues } from './parameters.ts';
import { norm, residualBlock } from './transformer.ts';

/** Far below any attention score: its softmax weight is exactly zero in float32. */
const masked = -1e9;

/** Token ids [n, length] (int64) to token embeddings [n, length, width]. */
export function tokenEmbedding(parameters: ParameterValues, ids: Value): Value {
  return gatherRows(parameters('token_embedding.weight'), ids);
}

/**
 * The mask is causal, so positions behind the end mark cannot reach it: sequences may be cut to the longest of the
 * batch, and the last block is computed at the end mark alone. Both are exact.
 *
 * @param tokens token embeddings, without positions, [n, length, width]
 * @param ends position of each end mark, int64 [n]
 * @returns text embeddings, not normalised, [n, embedding]
 */
export function textTower(config: ClipConfig, parameters: ParameterValues, tokens: Value, ends: Value): Value {
  const { width, heads, layers } = config.text;
  const { activation } = config;
  const [n, length] = tokens.shape as [number, number, number];
  const block = { width, heads, activation };
  const causal = constant(causalMask(length));

  let x = add(tokens, slice(parameters('positional_embedding'), 0, 0, length));
  for (let layer = 0; layer < layers - 1; layer++) {
    x = residualBlock(block, parameters, `transformer.resblocks.${layer}.`, x, x, causal);
  }
  const atEnd = reshape(pickPosition(x, ends), [n, 1, width]);
  const pastEnd = greater(constant(positions(length)), reshape(ends, [n, 1, 1, 1]));
  const visible = where(pastEnd, constant(masked), constant(0));
  x = residualBlock(block, parameters, `transformer.resblocks.${layers - 1}.`, x, atEnd, visible);
  const pooled = norm(parameters, 'ln_final', reshape(x, [n, width]));
  return matMul(pooled, parameters('text_projection'));
}

function positions(length: number) {
  return int64(
    Array.from({ length }, (_, position) => position),
    [1, 1, 1, length],
  );
}

/** [length, length]: zero where a row's position may look, far below zero in its future. */
function causalMask(length: number) {
  const mask = new Float32Array(length * length);
  for (let row = 0; row < length; row++) mask.fill(masked, row * length + row + 1, (row + 1) * length);
  return float32(mask, [length, length]);
}
