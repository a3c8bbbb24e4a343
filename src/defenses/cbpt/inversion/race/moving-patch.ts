/** @file The `patch` form: small masks and patterns side by side, each placed in a random tile of every picture. */
import { type ClipConfig, firstStride } from '../../../../clip/config.ts';
import type { Tensors } from '../../../../engine/engine.ts';
import { mul } from '../../../../graph/elementwise.ts';
import { reshape, transpose } from '../../../../graph/layout.ts';
import { input } from '../../../../graph/leaves.ts';
import { matMul } from '../../../../graph/linear-algebra.ts';
import { sum } from '../../../../graph/reduction.ts';
import type { Value } from '../../../../graph/value.ts';
import type { Random } from '../../../../tensor/random.ts';
import { float32, type Tensor } from '../../../../tensor/tensor.ts';
import { tileStart } from '../../../../triggers/apply.ts';
import type { MaskPatternTrigger } from '../../../../triggers/trigger.ts';
import { bounded, boundedTensors, overlay, startingLogits } from '../mask-pattern.ts';

/**
 * Nearly opaque and nearly grey, so that gradients reach all of the pattern from the first step on. A patch that has to
 * reach a given class finds the backdoor in a third of the steps needed from saturated colours (docs/ablations.md, "Patch").
 */
const patchStart = { mask: 2, spread: 0.1 };

/**
 * Side of a patch in pixels: a whole number of the tower's strides. Tiles begin at multiples of it or end with the picture,
 * so every tile lies on the tower's grid.
 *
 * @param share approximate share of the picture's side
 */
export function windowSide(image: ClipConfig['image'], share: number): number {
  const stride = firstStride(image);
  return stride * Math.max(1, Math.round((share * image.resolution) / stride));
}

/** Start of the parameters of one patch of `side` pixels. */
export const startingPatch = (side: number, random: Random): Readonly<Record<string, Tensor<'float32'>>> =>
  startingLogits(side, patchStart, random);

/**
 * Every patch on every picture. Tiles instead of arbitrary places: a network with strides may recognise a patch only at a
 * whole number of strides from where it was learned ({@link windowSide}).
 *
 * @param parameters logits with a leading axis of patches
 * @param pixels [b, 3, size, size] in [0, 1]
 * @returns pixels [n, b, 3, size, size], and the share of a picture that each mask covers, [n]
 */
export function withPatches(parameters: ReadonlyMap<string, Value>, pixels: Value): { triggered: Value; size: Value } {
  const [batch = 1, , size = 1] = pixels.shape;
  const { mask, pattern } = bounded(parameters);
  const side = mask.shape.at(-1)!;
  const rows = (name: string) => reshape(input(name, [batch, size, side]), [1, batch, 1, size, side]);
  const [down, across] = [rows('placement.down'), transpose(rows('placement.across'), [0, 1, 2, 4, 3])];
  // Rows and columns of ones and zeros move the patch to its tile, and its gradient back.
  const placed = (x: Value) => {
    const [count = 1, ...own] = x.shape;
    return matMul(matMul(down, reshape(x, [count, 1, ...own])), across);
  };
  return {
    triggered: overlay(reshape(pixels, [1, ...pixels.shape]), placed(mask), placed(pattern)),
    size: mul(sum(mask, [1, 2, 3]), 1 / (size * size)),
  };
}

/** Feeds of {@link withPatches}: for each of `batch` pictures of `size` pixels a tile, among the first `along` each way. */
export function drawTiles(batch: number, size: number, side: number, along: number, random: Random): Tensors {
  const matrix = () => {
    const data = new Float32Array(batch * size * side);
    for (let i = 0; i < batch; i++) {
      const start = tileStart(random.integer(along), size, side);
      for (let k = 0; k < side; k++) data[(i * size + start + k) * side + k] = 1;
    }
    return float32(data, [batch, size, side]);
  };
  return { 'placement.down': matrix(), 'placement.across': matrix() };
}

/** The trigger of one patch's logits. */
export const patchTrigger = (logits: Tensors): MaskPatternTrigger => ({
  kind: 'mask-pattern',
  ...boundedTensors(logits),
  placement: 'random-tile',
});
