/** @file The residual attention block of both CLIP transformers (OpenAI `clip/model.py`). */
import { gelu } from '../graph/composites.ts';
import { add, mul, silu } from '../graph/elementwise.ts';
import { concat, reshape, transpose, transposeLast } from '../graph/layout.ts';
import { linear, matMul } from '../graph/linear-algebra.ts';
import { layerNorm } from '../graph/normalization.ts';
import { softmax } from '../graph/reduction.ts';
import type { Value } from '../graph/value.ts';
import type { Activation } from './config.ts';
import type { ParameterValues } from './parameters.ts';

export interface BlockConfig {
  readonly width: number;
  readonly heads: number;
  readonly activation: Activation;
}

export interface AttentionOptions {
  /** The positions to compute, [n, queries, width]; all of `x` if left out. */
  readonly queries?: Value;
  /** Added to the attention scores; broadcasts to [n, heads, queries, positions of the cache and of `x`]. */
  readonly mask?: Value;
  /** Keys and values of the positions before `x`, from an earlier pass through the same block. */
  readonly prefixCache?: KeysAndValues | undefined;
}

/**
 * One pre-norm block: attention, then the MLP, each added to its input.
 *
 * @param x tokens, [n, length, width]
 * @param prefix parameter names up to and including the block number, with a dot at the end
 * @returns [n, queries, width]
 */
export function residualBlock(
  config: BlockConfig,
  parameters: ParameterValues,
  prefix: string,
  x: Value,
  options: AttentionOptions = {},
): Value {
  const attended = add(options.queries ?? x, selfAttention(config.heads, parameters, prefix, x, options));
  const normed = norm(parameters, `${prefix}ln_2`, attended);
  return add(attended, perceptrons[config.activation](parameters, `${prefix}mlp.`, normed));
}

/** OpenAI's approximation of GELU, x * sigmoid(1.702 x). */
const QUICK_GELU = 1.702;

/** The MLP of a block: two layers with an activation between them. */
const perceptrons: Readonly<Record<Activation, (parameters: ParameterValues, prefix: string, x: Value) => Value>> = {
  gelu: (parameters, prefix, x) => affine(parameters, `${prefix}c_proj`, gelu(affine(parameters, `${prefix}c_fc`, x))),
  // x sigmoid(1.702 x) = silu(1.702 x) / 1.702. Both factors cost nothing inside matrix products, and this saves four
  // passes, forward and backward together, over the hidden activations, the largest tensors of a tower.
  'quick-gelu': (parameters, prefix, x) => {
    const [weight, bias] = [parameters(`${prefix}c_fc.weight`), parameters(`${prefix}c_fc.bias`)];
    const active = silu(linear(x, weight, mul(bias, QUICK_GELU), QUICK_GELU));
    return linear(active, parameters(`${prefix}c_proj.weight`), parameters(`${prefix}c_proj.bias`), 1 / QUICK_GELU);
  },
};

/** Attention keys and values of some positions in one block, each [n, positions, width]. */
export interface KeysAndValues {
  readonly keys: Value;
  readonly values: Value;
}

/** Keys and values of the tokens `x` [n, length, width] in the block called `prefix`. */
export function keysAndValues(parameters: ParameterValues, prefix: string, x: Value): KeysAndValues {
  return keysAndValuesOfNormed(parameters, prefix, norm(parameters, `${prefix}ln_1`, x));
}

const keysAndValuesOfNormed = (parameters: ParameterValues, prefix: string, normed: Value): KeysAndValues => ({
  keys: projected(parameters, prefix, normed, 1),
  values: projected(parameters, prefix, normed, 2),
});

function selfAttention(
  heads: number,
  parameters: ParameterValues,
  prefix: string,
  x: Value,
  { queries: queried, mask, prefixCache }: AttentionOptions,
): Value {
  const normed = norm(parameters, `${prefix}ln_1`, x);
  const own = keysAndValuesOfNormed(parameters, prefix, normed);
  const { keys, values } = prefixCache
    ? { keys: concat([prefixCache.keys, own.keys], 1), values: concat([prefixCache.values, own.values], 1) }
    : own;
  const normedQueries = queried === undefined || queried === x ? normed : norm(parameters, `${prefix}ln_1`, queried);
  const queries = projected(parameters, prefix, normedQueries, 0);
  return affine(parameters, `${prefix}attn.out_proj`, attention(queries, keys, values, heads, mask));
}

/** Normalised tokens projected to queries, keys or values: parts 0, 1 and 2 of one stored matrix. */
function projected(parameters: ParameterValues, prefix: string, normed: Value, part: 0 | 1 | 2): Value {
  const width = normed.shape.at(-1)!;
  const rows = { from: part * width, to: (part + 1) * width };
  const [weight, bias] = ['weight', 'bias'].map((name) => parameters(`${prefix}attn.in_proj_${name}`, rows));
  return linear(normed, weight!, bias!);
}

/**
 * Multi-head attention over already projected queries [n, q, width], keys and values [n, length, width].
 *
 * @returns [n, q, width]
 */
function attention(queries: Value, keys: Value, values: Value, heads: number, mask?: Value): Value {
  const [n, count, width] = queries.shape as [number, number, number];
  const [length, size] = [keys.shape[1]!, width / heads];
  // The products see pictures and heads as one axis. After a reshape, the backward pass's transpositions are read by the
  // product itself; two transpositions in a row would be merged into one that is carried out.
  const split = (x: Value) => {
    const byHead = transpose(reshape(x, [n, x.shape[1]!, heads, size]), [0, 2, 1, 3]);
    return reshape(byHead, [n * heads, x.shape[1]!, size]);
  };
  const products = mul(matMul(split(queries), transposeLast(split(keys))), size ** -0.5);
  const scores = reshape(products, [n, heads, count, length]);
  const weights = softmax(mask ? add(scores, mask) : scores);
  const mixed = matMul(reshape(weights, [n * heads, count, length]), split(values));
  return reshape(transpose(reshape(mixed, [n, heads, count, size]), [0, 2, 1, 3]), [n, count, width]);
}

/** Layer normalisation with the scale and shift called `name`. */
export function norm(parameters: ParameterValues, name: string, x: Value): Value {
  return layerNorm(x, parameters(`${name}.weight`), parameters(`${name}.bias`));
}

/** Linear map with bias called `name`. */
export function affine(parameters: ParameterValues, name: string, x: Value): Value {
  return linear(x, parameters(`${name}.weight`), parameters(`${name}.bias`));
}
