/** @file Pictures to embeddings on the engine. */
import type { Engine } from '../engine/engine.ts';
import { l2Normalize } from '../graph/composites.ts';
import { cast, mul } from '../graph/elementwise.ts';
import type { Graph } from '../graph/graph.ts';
import { input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { float32, type Tensor } from '../tensor/tensor.ts';
import type { Clip } from './clip.ts';
import { imageTower } from './image-tower.ts';
import { storedParameters } from './parameters.ts';
import { pictureBatches } from './pictures/picture-batches.ts';
import type { PictureSet, Pictures } from './pictures/pictures.ts';

/** Rows of embeddings, [count, embedding]. */
export type Embeddings = Tensor<'float32'>;

/** Pictures, or texts, of one run. Graphs have fixed shapes, so a shorter last batch is filled up with one of its items. */
export const encodingBatch = 64;

/** 8-bit pictures, an input of a graph, as pixels in [0, 1]. */
export function pixelsOf(pictures: Value): Value {
  return mul(cast(pictures, 'float32'), 1 / 255);
}

export interface EncodeOptions {
  /** `unit`: scaled to length one, for cosines (the default); `raw`: as the tower projects them. */
  readonly length?: 'unit' | 'raw';
  /** Changes a batch before it is encoded; `positions` are positions in the set. Identity if left out. */
  readonly transform?: (pictures: Pictures, positions: readonly number[]) => Pictures;
  /** Called after every batch with the number of pictures done. */
  readonly progress?: (done: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Image embeddings of a whole set, in its order.
 *
 * @returns [set.labels.length, embedding]
 */
export async function encodePictures(
  engine: Engine,
  clip: Clip,
  set: PictureSet,
  { progress, ...options }: EncodeOptions = {},
): Promise<Embeddings> {
  const positions = [...set.labels.keys()];
  const shape = [positions.length, clip.config.embedding] as const;
  return concatenated(encodedBatches(engine, clip, set, positions, options), shape, progress);
}

/** All batches concatenated, [count, embedding]. */
export async function concatenated(
  batches: AsyncIterable<EncodedBatch>,
  shape: readonly [count: number, embedding: number],
  progress?: (done: number) => void,
): Promise<Embeddings> {
  const [count, embedding] = shape;
  const result = new Float32Array(count * embedding);
  let done = 0;
  for await (const { positions, embeddings } of batches) {
    result.set(embeddings.data, done * embedding);
    done += positions.length;
    progress?.(done);
  }
  return float32(result, shape);
}

/** Embeddings of some pictures of a set. */
export interface EncodedBatch {
  readonly positions: readonly number[];
  /** [positions.length, embedding] */
  readonly embeddings: Embeddings;
}

/**
 * Image embeddings of the pictures at `positions`, in their order, batch by batch. The graph is that of the whole set. So if
 * `positions` are whole batches of {@link encodingBatch}, the embeddings are bit for bit those of the whole set.
 */
export async function* encodedBatches(
  engine: Engine,
  clip: Clip,
  set: PictureSet,
  positions: readonly number[],
  { length = 'unit', transform, signal }: Omit<EncodeOptions, 'progress'> = {},
): AsyncGenerator<EncodedBatch, void, undefined> {
  if (positions.length === 0) return;
  const { embedding } = clip.config;
  // The batch size of the whole set, so that the same graph gives the same bits.
  const batch = batchFor(set.labels.length);
  const program = await engine.compile(encoderGraph(clip, batch, length));
  try {
    const reading = { ...(transform && { transform }), ...(signal && { signal }) };
    for await (const read of pictureBatches(set, positions, batch, reading)) {
      const { embeddings } = await program.run({ pictures: filledUp(read.pictures, batch) });
      const rows = read.positions.length;
      const data = (embeddings!.data as Float32Array).subarray(0, rows * embedding);
      yield { positions: read.positions, embeddings: float32(data, [rows, embedding]) };
    }
  } finally {
    await program.release();
  }
}

/** Pictures of one run, for a set of so many. */
export function batchFor(pictures: number): number {
  return Math.min(encodingBatch, pictures);
}

/** The graph that encodes pictures, `count` at a time. Whoever keeps its program spares later calls its compilation. */
export function encoderGraph(clip: Clip, count: number, length: 'unit' | 'raw' = 'unit'): Graph {
  const { resolution } = clip.config.image;
  const pixels = pixelsOf(input('pictures', [count, 3, resolution, resolution], 'uint8'));
  const embeddings = imageTower(clip.config, storedParameters(clip.parameters), pixels);
  return { outputs: { embeddings: length === 'unit' ? l2Normalize(embeddings) : embeddings } };
}

/** Repeats the first picture until there are `count`. */
function filledUp(pictures: Pictures, count: number): Pictures {
  const [present = 0, ...picture] = pictures.shape;
  if (present === count) return pictures;
  const perPicture = pictures.data.length / present;
  const data = new Uint8Array(count * perPicture);
  data.set(pictures.data);
  for (let i = present; i < count; i++) data.copyWithin(i * perPicture, 0, perPicture);
  return { dtype: 'uint8', shape: [count, ...picture], data };
}
