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
import { type BlockConfig, type KeysAndValues, keysAndValues, norm, residualBlock } from './transformer.ts';

/** Far below any attention score: its softmax weight is exactly zero in float32. */
const masked = -1e9;

/** Token ids [n, length] (int64) to token embeddings [n, length, width]. */
export function tokenEmbedding(parameters: ParameterValues, ids: Value): Value {
  return gatherRows(parameters('token_embedding.weight'), ids);
}

/**
 * The mask is causal, so positions behind the end mark cannot reach it: sequences may be cut to the longest of the
 * batch, and the last block is computed at the end mark alone. Nor does a beginning depend on what follows: one that
 * many texts share need go through the tower once. All of this is exact.
 *
 * @param tokens token embeddings, without positions, [n, length, width]
 * @param ends position of each end mark among `tokens`, int64 [n]
 * @param beginning what {@link beginningOf} tells of the tokens in front of these
 * @returns text embeddings, not normalised, [n, embedding]
 */
export function textTower(
  config: ClipConfig,
  parameters: ParameterValues,
  tokens: Value,
  ends: Value,
  beginning?: Beginning,
): Value {
  const { width, layers } = config.text;
  const block = blockOf(config);
  const [n, length] = tokens.shape as [number, number, number];
  const before = beginning === undefined ? 0 : beginning[0]!.keys.shape[1]!;

  const mask = constant(causalMask(before, length));
  let x = add(tokens, slice(parameters('positional_embedding'), 0, before, before + length));
  for (let layer = 0; layer < layers - 1; layer++) {
    x = residualBlock(block, parameters, prefixOf(layer), x, x, mask, beginning?.[layer]);
  }
  const atEnd = reshape(pickPosition(x, ends), [n, 1, width]);
  const pastEnd = greater(constant(positions(-before, length)), reshape(ends, [n, 1, 1, 1]));
  const visible = where(pastEnd, constant(masked), constant(0));
  const last = layers - 1;
  x = residualBlock(block, parameters, prefixOf(last), x, atEnd, visible, beginning?.[last]);
  const pooled = norm(parameters, 'ln_final', reshape(x, [n, width]));
  return matMul(pooled, parameters('text_projection'));
}

/** Of every block what later positions read of a text's first ones, each [n, positions, width]. */
export type Beginning = readonly KeysAndValues[];

/** @param tokens token embeddings of the first positions, without positions, [n, length, width] */
export function beginningOf(config: ClipConfig, parameters: ParameterValues, tokens: Value): Beginning {
  const length = tokens.shape[1]!;
  const mask = constant(causalMask(0, length));
  const beginning: KeysAndValues[] = [];
  let x = add(tokens, slice(parameters('positional_embedding'), 0, 0, length));
  for (let layer = 0; ; layer++) {
    beginning.push(keysAndValues(parameters, prefixOf(layer), x));
    if (layer === config.text.layers - 1) return beginning;
    x = residualBlock(blockOf(config), parameters, prefixOf(layer), x, x, mask);
  }
}

const prefixOf = (layer: number) => `transformer.resblocks.${layer}.`;

const blockOf = ({ text: { width, heads }, activation }: ClipConfig): BlockConfig => ({ width, heads, activation });

/** `from` to below `to`, along the last axis of four. */
function positions(from: number, to: number) {
  return int64(
    Array.from({ length: to - from }, (_, i) => from + i),
    [1, 1, 1, to - from],
  );
}

/** [length, before + length]: zero where a row's position may look, far below zero in its future. */
function causalMask(before: number, length: number) {
  const columns = before + length;
  const mask = new Float32Array(length * columns);
  for (let row = 0; row < length; row++) mask.fill(masked, row * columns + before + row + 1, (row + 1) * columns);
  return float32(mask, [length, columns]);
}
