/** @file Layer and batch normalisation, with gradients in closed form. */
import { add, div, mul, neg, reciprocal, sqrt, square, sub } from './elementwise.ts';
import { reshape } from './layout.ts';
import { mean, sum } from './reduction.ts';
import { apply, float32Of, type Rules, type Signature, sameShape } from './rule.ts';
import type { Value } from './value.ts';

export interface Epsilon {
  readonly epsilon: number;
}

export interface Normalization {
  /** x, scale, shift; results: y, mean, 1 / standard deviation. */
  layerNorm: Signature<readonly [Value, Value, Value], Epsilon>;
  /** x, scale, shift, mean, variance. */
  batchNorm: Signature<readonly [Value, Value, Value, Value, Value], Epsilon>;
}

export const normalization: Rules<Normalization> = {
  layerNorm: {
    infer: ([x, scale, shift], _, refuse) => {
      const last = x.shape.slice(-1);
      if (!sameShape(scale.shape, last) || !sameShape(shift.shape, last)) refuse(`scale and shift of shape [${last}]`);
      const statistics = { shape: [...x.shape.slice(0, -1), 1], type: 'float32' } as const;
      return [{ shape: x.shape, type: 'float32' }, statistics, statistics];
    },
    onnx: (emit, inputs, { attributes: { epsilon } }) =>
      emit.nodes('LayerNormalization', inputs, { axis: { int: -1 }, epsilon: { float: epsilon } }, 3),
    gradient: (dy, { inputs: [x, scale], output }) => {
      const inverse = output(2);
      const normal = mul(sub(x, output(1)), inverse);
      const dNormal = mul(dy, scale);
      const projection = mul(normal, mean(mul(dNormal, normal), [-1], true));
      const dx = mul(inverse, sub(sub(dNormal, mean(dNormal, [-1], true)), projection));
      return [dx, mul(dy, normal), dy];
    },
  },
  batchNorm: {
    infer: ([x, ...parameters], _, refuse) => {
      const channels = x.shape.slice(1, 2);
      if (parameters.some(({ shape }) => !sameShape(shape, channels))) refuse(`parameters of shape [${channels}]`);
      return float32Of(x.shape);
    },
    onnx: (emit, inputs, { attributes: { epsilon } }) =>
      emit.node('BatchNormalization', inputs, { epsilon: { float: epsilon } }),
    gradient: (dy, { inputs: [x, scale, , center, variance], attributes: { epsilon } }) => {
      const inverse = reciprocal(sqrt(add(variance, epsilon)));
      const dCenter = neg(mul(dy, perChannel(mul(scale, inverse), x)));
      const fromCenter = mul(dy, sub(x, perChannel(center, x)));
      const dScale = mul(fromCenter, perChannel(inverse, x));
      const dVariance = mul(dScale, perChannel(div(mul(scale, -0.5), add(variance, epsilon)), x));
      return [neg(dCenter), ...[dScale, dy, dCenter, dVariance].map((all) => sum(all, otherAxes(x)))];
    },
  },
};

/** All axes but the channels'. */
const otherAxes = (x: Value): readonly number[] => [...x.shape.keys()].filter((axis) => axis !== 1);

/** A vector over channels in a form that broadcasts with `x` [N, C, ...]. */
const perChannel = (vector: Value, x: Value): Value => reshape(vector, [-1, ...x.shape.slice(2).map(() => 1)]);

/** Over the last axis: (x - mean) / sqrt(variance + epsilon) * scale + shift. */
export function layerNorm(x: Value, scale: Value, shift: Value, epsilon = 1e-5): Value {
  return apply(normalization, 'layerNorm', [x, scale, shift], { epsilon });
}

/** With statistics that are given, per channel of `x` [N, C, ...]; the engine folds it into a convolution before it. */
export function batchNorm(x: Value, scale: Value, shift: Value, center: Value, variance: Value, epsilon = 1e-5): Value {
  return apply(normalization, 'batchNorm', [x, scale, shift, center, variance], { epsilon });
}

/** With the statistics of the batch, per channel of `x` [N, C, ...]; `variance` is the biased one. */
export function batchNormTraining(
  x: Value,
  scale: Value,
  shift: Value,
  epsilon = 1e-5,
): { readonly y: Value; readonly mean: Value; readonly variance: Value } {
  const center = mean(x, otherAxes(x));
  const centred = sub(x, perChannel(center, x));
  const variance = mean(square(centred), otherAxes(x));
  const factor = div(scale, sqrt(add(variance, epsilon)));
  return { y: add(mul(centred, perChannel(factor, x)), perChannel(shift, x)), mean: center, variance };
}
