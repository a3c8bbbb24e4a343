/** @file Pictures and texts to embeddings on the engine. */
import type { PictureSet, Pictures } from '../data/pictures.ts';
import type { Engine } from '../engine/engine.ts';
import { withProgram } from '../engine/with-program.ts';
import { l2Normalize } from '../graph/composites.ts';
import { cast, mul } from '../graph/elementwise.ts';
import type { Graph } from '../graph/graph.ts';
import { input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { float32, int64, type Tensor } from '../tensor/tensor.ts';
import type { Clip } from './clip.ts';
import { imageTower } from './image-tower.ts';
import { lengthGroups } from './length-groups.ts';
import { storedParameters } from './parameters.ts';
import { pictureBatches } from './picture-batches.ts';
import { textTower, tokenEmbedding } from './text-tower.ts';

/** Rows of embeddings, [count, embedding]. */
export type Embeddings = Tensor<'float32'>;

/** Pictures, or texts, of one run. Graphs have fixed shapes, so a last, shorter batch is filled up with its first item. */
export const encodingBatch = 64;

/** 8-bit pictures as a graph's input, to pixels in [0, 1]. */
export function pixelsOf(pictures: Value): Value {
  return mul(cast(pictures, 'float32'), 1 / 255);
}

export interface EncodeOptions {
  /** `unit`: of length one, as cosines need them (the default); `raw`: as the tower projects them. */
  readonly length?: 'unit' | 'raw';
  /** Changes a batch before it is encoded; `positions` are those of the set. Identity if left out. */
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
  return rowsOf(encodedBatches(engine, clip, set, positions, options), shape, progress);
}

/** The batches one behind the other, [count, embedding]. */
export async function rowsOf(
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
 * Image embeddings of the pictures at `positions`, in their order, batch by batch. Graphs are
 * those of the whole set, and if `positions` are whole batches of {@link encodingBatch}, so are the batches: then the
 * digits are the same whether some pictures are asked for or all.
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
  // As for the whole set, so that the same graph computes the same digits.
  const batch = Math.min(encodingBatch, set.labels.length);
  const program = await engine.compile(imageGraph(clip, batch, length));
  try {
    const reading = { ...(transform && { transform }), ...(signal && { signal }) };
    for await (const read of pictureBatches(set, positions, batch, reading)) {
      const { embeddings } = await program.run({ pictures: filled(read.pictures, batch) });
      const rows = read.positions.length;
      const data = (embeddings!.data as Float32Array).subarray(0, rows * embedding);
      yield { positions: read.positions, embeddings: float32(data, [rows, embedding]) };
    }
  } finally {
    await program.release();
  }
}

function imageGraph(clip: Clip, count: number, length: 'unit' | 'raw'): Graph {
  const { resolution } = clip.config.image;
  const pixels = pixelsOf(input('pictures', [count, 3, resolution, resolution], 'uint8'));
  const embeddings = imageTower(clip.config, storedParameters(clip.parameters), pixels);
  return { outputs: { embeddings: length === 'unit' ? l2Normalize(embeddings) : embeddings } };
}

/** Repeats the first picture until there are `count`. */
function filled(pictures: Pictures, count: number): Pictures {
  const [present = 0, ...picture] = pictures.shape;
  if (present === count) return pictures;
  const perPicture = pictures.data.length / present;
  const data = new Uint8Array(count * perPicture);
  data.set(pictures.data);
  for (let i = present; i < count; i++) data.copyWithin(i * perPicture, 0, perPicture);
  return { dtype: 'uint8', shape: [count, ...picture], data };
}

export interface TextOptions {
  readonly length?: 'unit' | 'raw';
  /** What becomes of a text that is longer than the model's context (see `Tokenizer`). */
  readonly overlong?: 'refuse' | 'truncate';
  /** Called after every batch with the number of texts done. */
  readonly progress?: (done: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Text embeddings, in the order of the texts.
 *
 * @returns [texts.length, embedding]
 */
export async function encodeTexts(
  engine: Engine,
  clip: Clip,
  texts: readonly string[],
  { length = 'unit', overlong = 'refuse', progress, signal }: TextOptions = {},
): Promise<Embeddings> {
  const { embedding } = clip.config;
  const encoded = texts.map((text) => clip.tokenizer.encode(text, overlong));
  const lengths = encoded.map((ids) => ids.length);
  const result = new Float32Array(texts.length * embedding);
  // Few texts are not worth a second graph.
  const groups = lengthGroups(lengths, Math.min(4, Math.ceil(texts.length / encodingBatch)));
  let done = 0;
  for (const { rows, length: tokens } of groups) {
    const count = Math.min(encodingBatch, rows.length);
    await withProgram(engine, textGraph(clip, count, tokens, length), async (program) => {
      for (let first = 0; first < rows.length; first += count) {
        signal?.throwIfAborted();
        const chosen = rows.slice(first, first + count);
        const batch = Array.from({ length: count }, (_, i) => encoded[chosen[i] ?? chosen[0]!]!);
        const { embeddings } = await program.run(paddedTokens(batch, tokens));
        chosen.forEach((row, i) => {
          const one = (embeddings!.data as Float32Array).subarray(i * embedding, (i + 1) * embedding);
          result.set(one, row * embedding);
        });
        done += chosen.length;
        progress?.(done);
      }
    });
  }
  return float32(result, [texts.length, embedding]);
}

function textGraph(clip: Clip, count: number, positions: number, length: 'unit' | 'raw'): Graph {
  const parameters = storedParameters(clip.parameters);
  const tokens = tokenEmbedding(parameters, input('ids', [count, positions], 'int64'));
  const embeddings = textTower(clip.config, parameters, tokens, input('ends', [count], 'int64'));
  return { outputs: { embeddings: length === 'unit' ? l2Normalize(embeddings) : embeddings } };
}

/** Token ids [n, length], filled up with zeros behind the end mark, and the end marks' positions [n]. */
export function paddedTokens(
  encoded: readonly (readonly number[])[],
  length: number,
): { ids: Tensor<'int64'>; ends: Tensor<'int64'> } {
  const ids = new BigInt64Array(encoded.length * length);
  encoded.forEach((tokens, row) => {
    tokens.forEach((token, position) => {
      ids[row * length + position] = BigInt(token);
    });
  });
  return {
    ids: { dtype: 'int64', shape: [encoded.length, length], data: ids },
    ends: int64(
      encoded.map((tokens) => tokens.length - 1),
      [encoded.length],
    ),
  };
}
