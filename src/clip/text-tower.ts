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

/** Far below any attention score, so that the softmax weight is exactly zero in float32. */
const masked = -1e9;

/** Token ids [n, length] (int64) to token embeddings [n, length, width]. */
export function tokenEmbedding(parameters: ParameterValues, ids: Value): Value {
  return gatherRows(parameters('token_embedding.weight'), ids);
}

/**
 * The attention mask is causal, so three shortcuts are exact: sequences are cut to the longest of the batch, the last block
 * is computed only at the end mark, and a prefix that many texts share goes through the tower once.
 *
 * @param tokens token embeddings, without positions, [n, length, width]
 * @param ends position of each end mark among `tokens`, int64 [n]
 * @param prefixCache of the tokens before these, from {@link cachePrefix}
 * @returns text embeddings, not normalised, [n, embedding]
 */
export function textTower(
  config: ClipConfig,
  parameters: ParameterValues,
  tokens: Value,
  ends: Value,
  prefixCache?: PrefixCache,
): Value {
  const { width, layers } = config.text;
  const block = blockOf(config);
  const [n, length] = tokens.shape as [number, number, number];
  const cached = prefixCache === undefined ? 0 : prefixCache[0]!.keys.shape[1]!;

  const mask = constant(causalMask(cached, length));
  let x = add(tokens, slice(parameters('positional_embedding'), 0, cached, cached + length));
  for (let layer = 0; layer < layers - 1; layer++) {
    x = residualBlock(block, parameters, prefixOf(layer), x, { mask, prefixCache: prefixCache?.[layer] });
  }
  const atEnd = reshape(pickPosition(x, ends), [n, 1, width]);
  const pastEnd = greater(constant(positions(-cached, length)), reshape(ends, [n, 1, 1, 1]));
  const visible = where(pastEnd, constant(masked), constant(0));
  const last = layers - 1;
  x = residualBlock(block, parameters, prefixOf(last), x, {
    queries: atEnd,
    mask: visible,
    prefixCache: prefixCache?.[last],
  });
  const pooled = norm(parameters, 'ln_final', reshape(x, [n, width]));
  return matMul(pooled, parameters('text_projection'));
}

/** The key-value cache of texts' first tokens: keys and values of every block, each [n, positions, width]. */
export type PrefixCache = readonly KeysAndValues[];

/** @param tokens token embeddings of the first positions, without positions, [n, length, width] */
export function cachePrefix(config: ClipConfig, parameters: ParameterValues, tokens: Value): PrefixCache {
  const length = tokens.shape[1]!;
  const mask = constant(causalMask(0, length));
  const cache: KeysAndValues[] = [];
  let x = add(tokens, slice(parameters('positional_embedding'), 0, 0, length));
  for (let layer = 0; ; layer++) {
    cache.push(keysAndValues(parameters, prefixOf(layer), x));
    if (layer === config.text.layers - 1) return cache;
    x = residualBlock(blockOf(config), parameters, prefixOf(layer), x, { mask });
  }
}

const prefixOf = (layer: number) => `transformer.resblocks.${layer}.`;

const blockOf = ({ text: { width, heads }, activation }: ClipConfig): BlockConfig => ({ width, heads, activation });

/** `from` to `to` - 1, along the last axis of four. */
function positions(from: number, to: number) {
  return int64(
    Array.from({ length: to - from }, (_, i) => from + i),
    [1, 1, 1, to - from],
  );
}

/** [length, cached + length]: zero where a row's position may look, far below zero in its future. */
function causalMask(cached: number, length: number) {
  const columns = cached + length;
  const mask = new Float32Array(length * columns);
  for (let row = 0; row < length; row++) mask.fill(masked, row * columns + cached + row + 1, (row + 1) * columns);
  return float32(mask, [length, columns]);
}
