/** @file The residual attention block that both CLIP transformers are made of (OpenAI `clip/model.py`). */
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

/**
 * One pre-norm block: attention, then the MLP, each added to its input.
 *
 * @param x tokens, [n, length, width]
 * @param prefix parameter names up to and including the block number, with a dot at the end
 * @param queries the positions whose result is wanted, [n, some, width]; all of `x` if left out
 * @param mask added to the attention scores; broadcasts to [n, heads, queries, positions of `before` and of `x`]
 * @param before of positions in front of `x` that have been through this block already
 * @returns [n, queries, width]
 */
export function residualBlock(
  config: BlockConfig,
  parameters: ParameterValues,
  prefix: string,
  x: Value,
  queries: Value = x,
  mask?: Value,
  before?: KeysAndValues,
): Value {
  const attended = add(queries, selfAttention(config, parameters, prefix, x, queries, mask, before));
  const normed = norm(parameters, `${prefix}ln_2`, attended);
  return add(attended, perceptrons[config.activation](parameters, `${prefix}mlp.`, normed));
}

/** OpenAI's approximation of GELU, x * sigmoid(1.702 x). */
const QUICK_GELU = 1.702;

/** The two layers of a block's MLP and what is between them. */
const perceptrons: Readonly<Record<Activation, (parameters: ParameterValues, prefix: string, x: Value) => Value>> = {
  gelu: (parameters, prefix, x) => affine(parameters, `${prefix}c_proj`, gelu(affine(parameters, `${prefix}c_fc`, x))),
  // x sigmoid(1.702 x) = silu(1.702 x) / 1.702: as factors of matrix products both cost nothing, and the hidden
  // activations, the largest tensors of a tower, are passed over four times less, forwards and backwards together.
  'quick-gelu': (parameters, prefix, x) => {
    const [weight, bias] = [parameters(`${prefix}c_fc.weight`), parameters(`${prefix}c_fc.bias`)];
    const active = silu(linear(x, weight, mul(bias, QUICK_GELU), QUICK_GELU));
    return linear(active, parameters(`${prefix}c_proj.weight`), parameters(`${prefix}c_proj.bias`), 1 / QUICK_GELU);
  },
};

/** What other positions read of some, each [n, positions, width]. */
export interface KeysAndValues {
  readonly keys: Value;
  readonly values: Value;
}

/** What `x` [n, length, width] gives others to read in the block called `prefix`. */
export function keysAndValues(parameters: ParameterValues, prefix: string, x: Value): KeysAndValues {
  return ofNormed(parameters, prefix, norm(parameters, `${prefix}ln_1`, x));
}

const ofNormed = (parameters: ParameterValues, prefix: string, normed: Value): KeysAndValues => ({
  keys: projected(parameters, prefix, normed, 1),
  values: projected(parameters, prefix, normed, 2),
});

function selfAttention(
  { heads }: Pick<BlockConfig, 'heads'>,
  parameters: ParameterValues,
  prefix: string,
  x: Value,
  queries: Value,
  mask: Value | undefined,
  before: KeysAndValues | undefined,
): Value {
  const normed = norm(parameters, `${prefix}ln_1`, x);
  const own = ofNormed(parameters, prefix, normed);
  const { keys, values } = before
    ? { keys: concat([before.keys, own.keys], 1), values: concat([before.values, own.values], 1) }
    : own;
  const normedQueries = queries === x ? normed : norm(parameters, `${prefix}ln_1`, queries);
  const asking = projected(parameters, prefix, normedQueries, 0);
  return affine(parameters, `${prefix}attn.out_proj`, attention(asking, keys, values, heads, mask));
}

/** Normed positions as queries, keys or values: the parts 0, 1 and 2 of one stored matrix. */
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
  // Pictures and heads are one axis to the products. Behind a reshape, what the way back transposes is read transposed by
  // the product itself; two transpositions in a row would be made one that is carried out.
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
