/** @file A message encoder with random weights, for tests: complete, but untrained. */
import { randomFor } from '../tensor/random.ts';
import { elements, float32 } from '../tensor/tensor.ts';
import { squareChannels } from './hidden-message.ts';
import type { MessageEncoder } from './trigger.ts';

export function tinyEncoder(size: number, bits: number, seed: number, bound = 0.1): MessageEncoder {
  const random = randomFor(seed, 'tiny encoder');
  const drawn = (...shape: number[]) =>
    float32(
      Float32Array.from({ length: elements(shape) }, () => 0.4 * random.normal()),
      shape,
    );
  const [planes, cells, channels] = [2, 4, 3];
  return {
    size,
    bound,
    spread: drawn(bits, planes, cells, cells),
    first: drawn(channels, squareChannels + planes, 3, 3),
    firstBias: drawn(channels),
    second: drawn(channels, channels, 3, 3),
    secondBias: drawn(channels),
    last: drawn(squareChannels, channels, 3, 3),
    lastBias: drawn(squareChannels),
  };
}
