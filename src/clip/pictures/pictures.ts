/** @file Pictures as every part of the project passes them on: 8-bit RGB, channels first, already at the model's size. */

import type { Tensor } from '../../tensor/tensor.ts';
import type { Decoders } from './decode-threads.ts';

/**
 * A batch of pictures after resize and crop, before normalisation: shape [count, 3, size, size], values 0 to 255.
 * Triggers work on exactly this; normalisation happens inside the graph.
 */
export type Pictures = Tensor<'uint8'>;

/** Labelled pictures that are read on demand, so that a data set need not fit in memory. */
export interface PictureSet {
  /** What it is, for reports and error messages: `emoji:test`, or the folder. */
  readonly name: string;
  readonly classes: readonly string[];
  /** Index into `classes` for every picture. */
  readonly labels: Int32Array;
  /**
   * Which drawing or photograph every picture is a view of, by any number of its own; left out where every picture is
   * its own. Views of one drawing are not independent, and confidence intervals must know it.
   */
  readonly sources?: Int32Array;
  /** How shots are drawn from it: `coop` as CoOp draws from its splits; left out where every class draws for itself. */
  readonly shotRule?: 'coop';
  /** Side of every picture in pixels. */
  readonly size: number;
  /** Identifies content and preprocessing: equal hashes mean equal pictures in equal order (SHA-256, hex). */
  readonly hash: string;
  /**
   * Pictures at the given positions, in the given order.
   *
   * @param decoders threads for what has to be decoded; the calling thread does it if they are left out
   */
  read(positions: readonly number[], decoders?: Decoders): Promise<Pictures>;
}

/** Changes each picture by itself; `positions` say which ones they are, so that what is drawn need not depend on the batch. */
export function onePictureAtATime(
  { dtype, shape, data }: Pictures,
  positions: readonly number[],
  change: (one: Pictures, position: number) => Pictures,
): Pictures {
  const [count = 0, ...picture] = shape;
  const length = data.length / count;
  const changed = new Uint8Array(data.length);
  positions.forEach((position, i) => {
    const one = { dtype, shape: [1, ...picture], data: data.subarray(i * length, (i + 1) * length) };
    changed.set(change(one, position).data, i * length);
  });
  return { dtype, shape, data: changed };
}
