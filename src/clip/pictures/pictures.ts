/** @file Pictures as all parts of the project use them: 8-bit RGB, channels first, already at the model's size. */
import type { Tensor } from '../../tensor/tensor.ts';
import type { Decoders } from './decode-threads.ts';

/**
 * A batch of pictures after resize and crop, before normalisation: shape [count, 3, size, size], values 0 to 255.
 * Triggers act on these bytes; normalisation happens inside the graph.
 */
export type Pictures = Tensor<'uint8'>;

/** A computed pixel value as a byte: rounded to the nearest, halves up, and clamped. */
export function toByte(value: number): number {
  return Math.min(255, Math.max(0, Math.floor(value + 0.5)));
}

/** Labelled pictures that are read on demand: a data set need not fit in memory. */
export interface PictureSet {
  /** Name in reports and error messages: `emoji:test`, or the folder. */
  readonly name: string;
  readonly classes: readonly string[];
  /** Index into `classes` for every picture. */
  readonly labels: Int32Array;
  /**
   * The drawing or photograph that every picture shows, as any unique number; left out where every picture shows another
   * one. Views of one drawing are not independent, which confidence intervals take into account.
   */
  readonly sources?: Int32Array;
  /** How shots are drawn: `coop` as CoOp draws from its splits; left out where every class has its own generator. */
  readonly shotRule?: 'coop';
  /** Side of every picture in pixels. */
  readonly size: number;
  /** Identifies content and preprocessing: equal hashes mean equal pictures in the same order (SHA-256, hex). */
  readonly hash: string;
  /**
   * Pictures at the given positions, in the given order.
   *
   * @param decoders threads that decode; the calling thread decodes if they are left out
   */
  read(positions: readonly number[], decoders?: Decoders): Promise<Pictures>;
}

/** Changes pictures one by one; random numbers can depend on a picture's position in the set instead of the batch. */
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
