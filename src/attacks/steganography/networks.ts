/** @file The two networks as values of a graph, for training: one hides a message in a picture, the other reads it. */
import { conv2d } from '../../graph/convolution.ts';
import { add, clip, mul, relu, sub } from '../../graph/elementwise.ts';
import { broadcastTo, concat, reshape, transpose } from '../../graph/layout.ts';
import { linear, matMul } from '../../graph/linear-algebra.ts';
import type { Value } from '../../graph/value.ts';
import type { Random } from '../../tensor/random.ts';
import { elements, float32, type Shape, type Tensor } from '../../tensor/tensor.ts';
import { squareChannels } from '../../triggers/hidden-message.ts';

/** Sizes of both networks. */
export interface Architecture {
  /** Side of the pictures, pixels: a multiple of 2 x cells and of 8. */
  readonly size: number;
  readonly bits: number;
  /** Number of planes of cells x cells that carry the message beside the picture. */
  readonly planes: number;
  readonly cells: number;
  /** Width of the encoder's hidden layers. */
  readonly channels: number;
  /** Width of the decoder's layers. */
  readonly readers: number;
  /** Largest magnitude of the residual, in units of the pixel range. */
  readonly bound: number;
}

/** Parameters by name: the encoder's as in the trigger's record, the decoder's as `reader.*`. */
export function parameterShapes({ size, bits, planes, cells, channels, readers }: Architecture): Record<string, Shape> {
  return {
    spread: [bits, planes, cells, cells],
    first: [channels, squareChannels + planes, 3, 3],
    firstBias: [channels],
    second: [channels, channels, 3, 3],
    secondBias: [channels],
    last: [squareChannels, channels, 3, 3],
    lastBias: [squareChannels],
    'reader.first': [readers, squareChannels, 3, 3],
    'reader.firstBias': [readers],
    'reader.second': [readers, readers, 3, 3],
    'reader.secondBias': [readers],
    'reader.third': [readers, readers, 3, 3],
    'reader.thirdBias': [readers],
    'reader.out': [bits, readers * (size / 8) ** 2],
    'reader.outBias': [bits],
  };
}

/**
 * He's initialisation for layers before a ReLU (arXiv 1502.01852), biases zero. Every bit begins with its own cells, so the
 * reader has to learn only the look of a bit, which is the same everywhere, and which cells belong to which bit.
 */
export function startingParameters(architecture: Architecture, random: Random): Record<string, Tensor<'float32'>> {
  const { bits } = architecture;
  const drawn = (name: string, shape: Shape): Float32Array => {
    const length = elements(shape);
    if (name.endsWith('Bias')) return new Float32Array(length);
    if (name === 'spread') {
      const perBit = length / bits;
      return Float32Array.from({ length }, (_, i) => ((i % perBit) % bits === Math.floor(i / perBit) ? 1 : 0));
    }
    const deviation = Math.sqrt((2 * shape[0]!) / length);
    return Float32Array.from({ length }, () => deviation * random.normal());
  };
  return Object.fromEntries(
    Object.entries(parameterShapes(architecture)).map(([name, shape]) => [name, float32(drawn(name, shape), shape)]),
  );
}

type Parameters = (name: string) => Value;

/**
 * The residual of each picture, as in `embedMessage` in triggers/hidden-message.ts, which needs no engine.
 *
 * @param pixels in [0, 1], [n, 3, size, size]
 * @param message -1 and 1, [n, bits]
 * @returns [n, 3, size, size], within +-bound
 */
export function residual(
  { size, bits, planes, cells, bound }: Architecture,
  parameters: Parameters,
  pixels: Value,
  message: Value,
): Value {
  const [count = 0] = pixels.shape;
  const half = size / 2;
  const spread = reshape(parameters('spread'), [bits, planes * cells * cells]);
  const coarse = reshape(matMul(message, spread), [count, planes, cells, 1, cells, 1]);
  const scale = half / cells;
  const spatial = reshape(broadcastTo(coarse, [count, planes, cells, scale, cells, scale]), [
    count,
    planes,
    half,
    half,
  ]);
  const first = layer(parameters, 'first', concat([squares(sub(pixels, 0.5)), spatial], 1));
  const second = layer(parameters, 'second', relu(first));
  const last = layer(parameters, 'last', relu(second));
  return mul(unsquared(clip(last, -1, 1)), bound);
}

/**
 * The decoder's logits of the bits.
 *
 * @param pixels in [0, 1], [n, 3, size, size]
 * @returns [n, bits]
 */
export function readBits({ size, readers }: Architecture, parameters: Parameters, pixels: Value): Value {
  const [count = 0] = pixels.shape;
  const first = relu(layer(parameters, 'reader.first', squares(sub(pixels, 0.5))));
  const second = relu(layer(parameters, 'reader.second', first, 2));
  const third = relu(layer(parameters, 'reader.third', second, 2));
  const flat = reshape(third, [count, readers * (size / 8) ** 2]);
  return linear(flat, parameters('reader.out'), parameters('reader.outBias'));
}

function layer(parameters: Parameters, name: string, x: Value, stride = 1): Value {
  const bias = parameters(`${name}Bias`);
  return add(conv2d(x, parameters(name), { stride, padding: 1 }), reshape(bias, [1, bias.shape[0]!, 1, 1]));
}

/** Squares of 2 x 2 pixels to channels: [n, 3, s, s] to [n, 12, s/2, s/2]. */
function squares(x: Value): Value {
  const [n = 0, c = 0, size = 0] = x.shape;
  const half = size / 2;
  return reshape(transpose(reshape(x, [n, c, half, 2, half, 2]), [0, 1, 3, 5, 2, 4]), [n, 4 * c, half, half]);
}

/** The inverse of {@link squares}. */
function unsquared(x: Value): Value {
  const [n = 0, c = 0, half = 0] = x.shape;
  const split = transpose(reshape(x, [n, c / 4, 2, 2, half, half]), [0, 1, 4, 2, 5, 3]);
  return reshape(split, [n, c / 4, 2 * half, 2 * half]);
}
