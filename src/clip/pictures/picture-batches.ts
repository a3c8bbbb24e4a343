/** @file Pictures of a set, batch by batch in a given order, read ahead of the consumer. */
import { setImmediate } from 'node:timers/promises';
import { type Decoders, decodingThreads, openDecoders } from './decode-threads.ts';
import type { PictureSet, Pictures } from './pictures.ts';

export interface PictureBatch {
  /** Positions in the set. */
  readonly positions: readonly number[];
  readonly pictures: Pictures;
}

export interface BatchOptions {
  /** Changes a batch as soon as it is read. Identity if left out. */
  readonly transform?: (pictures: Pictures, positions: readonly number[]) => Pictures;
  readonly signal?: AbortSignal;
  /** Decoding threads; chosen by the machine and the number of pictures if left out. */
  readonly threads?: number;
}

/**
 * Batches in work while the consumer has one: one is ready when the consumer asks for it, the other keeps the threads busy
 * until then. This bounds the memory for any number of pictures: a batch of 64 at 224 pixels has 10 MB.
 */
export const batchesAhead = 2;

/** For fewer pictures, threads cost more than they save: a tenth of a second and 40 MB each. */
const fewestForThreads = 256;

/**
 * Yields the pictures at `positions` in their order, `size` of them at a time, the last batch shorter. Nothing is left
 * running after the end, an error, an abort by `signal` or an early return of the consumer.
 *
 * @throws the first failure in the order of the batches; the reason of `signal`
 */
export async function* pictureBatches(
  set: PictureSet,
  positions: readonly number[],
  size: number,
  { transform, signal, threads }: BatchOptions = {},
): AsyncGenerator<PictureBatch, void, undefined> {
  const ahead: Promise<PictureBatch>[] = [];
  const decoders = decodersFor(positions.length, threads);
  let first = 0;
  let over = false;

  async function read(chosen: readonly number[]): Promise<PictureBatch> {
    // Reading may keep this thread busy, so the consumer first begins with the batch that it has.
    await setImmediate();
    if (over) return Promise.reject(new Error('no longer wanted'));
    const pictures = await set.read(chosen, decoders);
    return { positions: chosen, pictures: transform ? transform(pictures, chosen) : pictures };
  }

  function begin(): void {
    if (first >= positions.length) return;
    const batch = read(positions.slice(first, first + size));
    batch.catch(() => {}); // Thrown when its turn comes.
    ahead.push(batch);
    first += size;
  }

  try {
    for (let i = 0; i < batchesAhead; i++) begin();
    while (ahead.length > 0) {
      signal?.throwIfAborted();
      const batch = await ahead.shift()!;
      begin();
      yield batch;
    }
  } finally {
    over = true;
    await decoders?.close();
    await Promise.allSettled(ahead);
  }
}

/** Lends `use` a set whose pictures are decoded in threads, for reading about `pictures` of them in any order. */
export async function withDecoders<T>(
  set: PictureSet,
  pictures: number,
  use: (set: PictureSet) => Promise<T>,
): Promise<T> {
  const decoders = decodersFor(pictures);
  try {
    return await use({ ...set, read: (positions) => set.read(positions, decoders) });
  } finally {
    await decoders?.close();
  }
}

function decodersFor(pictures: number, threads?: number): Decoders | undefined {
  const count = threads ?? (pictures < fewestForThreads ? 0 : decodingThreads());
  return count === 0 ? undefined : openDecoders(count);
}
