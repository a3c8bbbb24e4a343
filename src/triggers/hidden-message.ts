/** @file The network that hides a message in a picture, as plain loops: the same bytes on every machine, without an engine. */
import { toByte } from '../clip/pictures/pictures.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { HiddenMessageTrigger } from './trigger.ts';

/** The network's input channels are squares of 2 x 2 pixels: 4 values of each of 3 channels. */
export const squareChannels = 12;

/**
 * Changes one picture [3, size, size] in place.
 *
 * Squares of 2 x 2 pixels become channels (minus mid-grey), and the message planes are appended. Three 3 x 3 convolutions
 * with ReLU between them follow. The last one's 12 channels are 2 x 2 squares again; clipped to +-1 and multiplied by
 * `bound`, they are the residual. Only sums, products and comparisons, in a fixed order: neither a library's exponential
 * nor the number of threads can change a byte.
 */
export function embedMessage(trigger: HiddenMessageTrigger, picture: Uint8Array, size: number): void {
  const half = size / 2;
  const first = convolve(
    [...squares(picture, size), ...messagePlanes(trigger, half)],
    trigger.first,
    trigger.firstBias,
  );
  const second = convolve(rectified(first, half), trigger.second, trigger.secondBias);
  const residual = convolve(rectified(second, half), trigger.last, trigger.lastBias);
  const amplitude = 255 * trigger.bound;
  residual.forEach((plane, number) => {
    for (let y = 0; y < half; y++)
      for (let x = 0; x < half; x++) {
        const at = pixelOf(number, y, x, size);
        const change = Math.min(1, Math.max(-1, plane[y * half + x]!));
        picture[at] = toByte(picture[at]! + amplitude * change);
      }
  });
}

/** Where the picture has what lies at row y, column x of a plane: plane 4c + 2r + k is row r, column k of the squares of colour c. */
function pixelOf(plane: number, y: number, x: number, size: number): number {
  const [channel, down, right] = [plane >> 2, (plane >> 1) & 1, plane & 1];
  return (channel * size + 2 * y + down) * size + 2 * x + right;
}

/** The planes of a picture, [half + 2, half + 2], with a border of zeros for a 3 x 3 convolution. */
function squares(picture: Uint8Array, size: number): Float32Array[] {
  const half = size / 2;
  return Array.from({ length: squareChannels }, (_, plane) =>
    bordered(half, (y, x) => picture[pixelOf(plane, y, x, size)]! / 255 - 0.5),
  );
}

/** The message planes [cells, cells], each cell enlarged to a square of equal values. Bits count as -1 and 1. */
function messagePlanes({ message, spread }: HiddenMessageTrigger, half: number): Float32Array[] {
  const [bits = 0, planes = 0, cells = 0] = spread.shape;
  const area = cells * cells;
  const sums = new Float32Array(planes * area);
  for (let bit = 0; bit < bits; bit++) {
    const sign = message[bit] === '1' ? 1 : -1;
    for (let i = 0; i < sums.length; i++) sums[i]! += sign * spread.data[bit * sums.length + i]!;
  }
  const cell = (place: number) => Math.floor((place * cells) / half);
  return Array.from({ length: planes }, (_, plane) =>
    bordered(half, (y, x) => sums[plane * area + cell(y) * cells + cell(x)]!),
  );
}

function bordered(side: number, value: (y: number, x: number) => number): Float32Array {
  const wide = side + 2;
  const plane = new Float32Array(wide * wide);
  for (let y = 0; y < side; y++) for (let x = 0; x < side; x++) plane[(y + 1) * wide + x + 1] = value(y, x);
  return plane;
}

/** ReLU, with a border for the next layer. */
function rectified(planes: readonly Float32Array[], side: number): Float32Array[] {
  return planes.map((plane) => bordered(side, (y, x) => Math.max(0, plane[y * side + x]!)));
}

/** 3 x 3 convolution of planes with a border of one, to planes [side, side] without a border. */
function convolve(
  planes: readonly Float32Array[],
  { data: weight, shape }: Tensor<'float32'>,
  { data: bias }: Tensor<'float32'>,
): Float32Array[] {
  const wide = Math.sqrt(planes[0]!.length);
  const side = wide - 2;
  return Array.from({ length: shape[0]! }, (_, output) => {
    const sums = new Float32Array(side * side).fill(bias[output]!);
    for (const [input, plane] of planes.entries()) {
      addConvolved(sums, plane, side, weight, 9 * (output * planes.length + input));
    }
    return sums;
  });
}

/** Adds one input plane with the nine weights from `kernel` on. The values slide along three rows, each read once per row. */
function addConvolved(
  sums: Float32Array,
  plane: Float32Array,
  side: number,
  weight: Float32Array,
  kernel: number,
): void {
  const [a, b, c, d, e, f, g, h, i] = weight.subarray(kernel, kernel + 9) as unknown as Nine;
  const wide = side + 2;
  for (let y = 0; y < side; y++) {
    const upper = y * wide;
    const middle = upper + wide;
    const lower = middle + wide;
    let [u0, m0, l0] = [plane[upper]!, plane[middle]!, plane[lower]!];
    let [u1, m1, l1] = [plane[upper + 1]!, plane[middle + 1]!, plane[lower + 1]!];
    const to = y * side;
    for (let x = 0; x < side; x++) {
      const u2 = plane[upper + x + 2]!;
      const m2 = plane[middle + x + 2]!;
      const l2 = plane[lower + x + 2]!;
      sums[to + x]! += a * u0 + b * u1 + c * u2 + d * m0 + e * m1 + f * m2 + g * l0 + h * l1 + i * l2;
      u0 = u1;
      u1 = u2;
      m0 = m1;
      m1 = m2;
      l0 = l1;
      l1 = l2;
    }
  }
}

type Nine = readonly [number, number, number, number, number, number, number, number, number];
