/** @file Layer and batch normalisation, with gradients in closed form. */
import { elements } from '../tensor/tensor.ts';
import { add, div, mul, neg, reciprocal, sqrt, sub } from './elementwise.ts';
import { broadcastTo, reshape } from './layout.ts';
import { filled } from './leaves.ts';
import { mean, sum } from './reduction.ts';
import { apply, applyAll, float32Of, type Refuse, type Rules, type Signature, sameShape } from './rule.ts';
import type { Value } from './value.ts';

export interface Epsilon {
  readonly epsilon: number;
}

export interface Normalization {
  /** x, scale, shift; results: y, mean, 1 / standard deviation. */
  layerNorm: Signature<readonly [Value, Value, Value], Epsilon>;
  /** x, scale, shift, mean, variance. */
  batchNorm: Signature<readonly [Value, Value, Value, Value, Value], Epsilon>;
  /** x, scale, shift; results: y, mean, biased variance. */
  batchNormTraining: Signature<readonly [Value, Value, Value], Epsilon>;
}

/** Refuses parameters that do not have one number for each channel of `x`. */
function checkPerChannel([x, ...parameters]: readonly [Value, ...Value[]], refuse: Refuse): void {
  const perChannel = x.shape.slice(1, 2);
  if (parameters.some(({ shape }) => !sameShape(shape, perChannel))) refuse(`parameters of shape [${perChannel}]`);
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
      const centered = sub(x, output(1));
      const dNormal = mul(dy, scale);
      // dx = inverse (dNormal - mean(dNormal) - normal mean(dNormal normal)), normal = centered inverse. Factors with one
      // number a row are multiplied first, to save passes over whole tensors.
      const shift = mul(mean(dNormal, [-1], true), inverse);
      const along = mul(mean(mul(dNormal, centered), [-1], true), mul(inverse, mul(inverse, inverse)));
      const dx = sub(sub(mul(dNormal, inverse), mul(centered, along)), shift);
      return [dx, mul(dy, mul(centered, inverse)), dy];
    },
  },
  batchNorm: {
    infer: (inputs, _, refuse) => {
      checkPerChannel(inputs, refuse);
      return float32Of(inputs[0].shape);
    },
    onnx: (emit, inputs, { attributes: { epsilon } }) =>
      emit.node('BatchNormalization', inputs, { epsilon: { float: epsilon } }),
    gradient: (dy, { inputs: [x, scale, , center, variance], attributes: { epsilon } }) => {
      const { factor, dScale, dShift } = batchNormSums(dy, x, scale, center, variance, epsilon);
      const dVariance = div(mul(mul(dScale, scale), -0.5), add(variance, epsilon));
      return [scaleChannels(dy, factor), dScale, dShift, neg(mul(dShift, factor)), dVariance];
    },
  },
  batchNormTraining: {
    infer: (inputs, _, refuse) => {
      checkPerChannel(inputs, refuse);
      const [x, { shape }] = inputs;
      const statistics = { shape, type: 'float32' } as const;
      return [{ shape: x.shape, type: 'float32' }, statistics, statistics];
    },
    // The variance as mean of squares less square of the mean saves a pass over memory, which is the bottleneck here.
    onnx: (emit, [x, scale, shift], { inputs: [{ shape }], attributes: { epsilon } }) => {
      const [n = 0, c = 0] = shape;
      const number = (value: number) => emit.tensor({ dtype: 'float32', shape: [], data: Float32Array.of(value) });
      const channelMeans = (values: string): string => {
        const planes = emit.node('Reshape', [values, emit.integers([n, c, -1])]);
        const planeSums = emit.node('ReduceSum', [planes, emit.integers([2])], { keepdims: { int: 0 } });
        const sums = emit.node('ReduceSum', [planeSums, emit.integers([0])], { keepdims: { int: 0 } });
        return emit.node('Mul', [sums, number(c / elements(shape))]);
      };
      const center = channelMeans(x);
      const ofSquares = channelMeans(emit.node('Mul', [x, x]));
      const difference = emit.node('Sub', [ofSquares, emit.node('Mul', [center, center])]);
      const variance = emit.node('Max', [difference, number(0)]);
      const y = emit.node('BatchNormalization', [x, scale, shift, center, variance], { epsilon: { float: epsilon } });
      return [y, center, variance];
    },
    gradient: (dy, { inputs: [x, scale], output, attributes: { epsilon } }) => {
      const [center, variance] = [output(1), output(2)];
      const { factor, dScale, dShift } = batchNormSums(dy, x, scale, center, variance, epsilon);
      // dx = factor (dy - mean(dy) - normal mean(dy normal)), normal = (x - center) / deviation; as factor dy + a x + b.
      const share = mul(factor, -channels(x) / elements(x.shape));
      const a = div(mul(share, dScale), sqrt(add(variance, epsilon)));
      const b = sub(mul(share, dShift), mul(a, center));
      const [zeros, ones] = [filled(0, a.shape), filled(1, a.shape)];
      return [add(scaleChannels(dy, factor), batchNorm(x, a, b, zeros, ones, 0)), dScale, dShift];
    },
  },
};

const channels = (x: Value): number => x.shape[1] ?? 1;

/** Sums over all axes but the channels, in two steps: faster than over all axes at once. */
function channelSums(x: Value): Value {
  return sum(sum(reshape(x, [x.shape[0] ?? 1, channels(x), -1]), [2]), [0]);
}

/** Multiplies each channel of `x` [N, C, ...] by its factor, spread over the plane first: faster for small planes. */
function scaleChannels(x: Value, factors: Value): Value {
  const plane = x.shape.slice(2);
  return mul(x, broadcastTo(reshape(factors, [channels(x), ...plane.map(() => 1)]), [channels(x), ...plane]));
}

/** The terms of all gradients of a batch normalisation: two sums over the pictures; the rest is per channel. */
function batchNormSums(dy: Value, x: Value, scale: Value, center: Value, variance: Value, epsilon: number) {
  const inverse = reciprocal(sqrt(add(variance, epsilon)));
  const dShift = channelSums(dy);
  const dScale = mul(inverse, sub(channelSums(mul(dy, x)), mul(center, dShift)));
  return { factor: mul(scale, inverse), dScale, dShift };
}

/** Over the last axis: (x - mean) / sqrt(variance + epsilon) * scale + shift. */
export function layerNorm(x: Value, scale: Value, shift: Value, epsilon = 1e-5): Value {
  return apply(normalization, 'layerNorm', [x, scale, shift], { epsilon });
}

/** With given statistics, per channel of `x` [N, C, ...]; the engine folds it into a preceding convolution. */
export function batchNorm(x: Value, scale: Value, shift: Value, center: Value, variance: Value, epsilon = 1e-5): Value {
  return apply(normalization, 'batchNorm', [x, scale, shift, center, variance], { epsilon });
}

/**
 * With the statistics of the batch, per channel of `x` [N, C, ...]; `variance` is the biased one. Gradients flow only
 * through `y`.
 */
export function batchNormTraining(
  x: Value,
  scale: Value,
  shift: Value,
  epsilon = 1e-5,
): { readonly y: Value; readonly mean: Value; readonly variance: Value } {
  const [y, center, variance] = applyAll(normalization, 'batchNormTraining', [x, scale, shift], { epsilon });
  return { y: y!, mean: center!, variance: variance! };
}
