/** @file Pictures and texts to embeddings on the engine. */
import type { PictureSet, Pictures } from '../data/pictures.ts';
import type { Engine, Program } from '../engine/engine.ts';
import { l2Normalize } from '../graph/composites.ts';
import { cast, mul } from '../graph/elementwise.ts';
import type { Graph } from '../graph/graph.ts';
import { input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { float32, int64, type Tensor } from '../tensor/tensor.ts';
import type { Clip } from './clip.ts';
import { imageTower } from './image-tower.ts';
import { storedParameters } from './parameters.ts';
import { textTower, tokenEmbedding } from './text-tower.ts';

/** Rows of embeddings, [count, embedding]. */
export type Embeddings = Tensor<'float32'>;

/** Pictures of one run. Graphs have fixed shapes, so a last, shorter batch is filled up with its first picture. */
const pictureBatch = 64;

/** Texts of one run. */
const textBatch = 64;

/** 8-bit pictures as a graph's input, to pixels in [0, 1]. */
export function pixelsOf(pictures: Value): Value {
  return mul(cast(pictures, 'float32'), 1 / 255);
}

export interface EncodeOptions {
  /** Changes a batch before it is encoded; `positions` are those of the set. Identity if left out. */
  readonly transform?: (pictures: Pictures, positions: readonly number[]) => Pictures;
  /** Called after every batch with the number of pictures done. */
  readonly progress?: (done: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Unit-length image embeddings of a whole set, in its order.
 *
 * @returns [set.labels.length, embedding]
 */
export async function encodePictures(
  engine: Engine,
  clip: Clip,
  set: PictureSet,
  { transform, progress, signal }: EncodeOptions = {},
): Promise<Embeddings> {
  const { embedding } = clip.config;
  const count = set.labels.length;
  const result = new Float32Array(count * embedding);
  const batches = Array.from({ length: Math.ceil(count / pictureBatch) }, (_, batch) => batch * pictureBatch);
  const read = async (first: number): Promise<Pictures> => {
    const positions = Array.from({ length: Math.min(pictureBatch, count - first) }, (_, i) => first + i);
    const pictures = await set.read(positions);
    return filled(transform ? transform(pictures, positions) : pictures, pictureBatch);
  };
  await withProgram(engine, imageGraph(clip, pictureBatch), async (program) => {
    for (const first of batches) {
      signal?.throwIfAborted();
      const { embeddings } = await program.run({ pictures: await read(first) });
      const rows = Math.min(pictureBatch, count - first);
      result.set((embeddings!.data as Float32Array).subarray(0, rows * embedding), first * embedding);
      progress?.(first + rows);
    }
  });
  return float32(result, [count, embedding]);
}

/** Unit-length image embeddings of pictures that are in memory already: [n, embedding]. */
export function encodePictureBatch(engine: Engine, clip: Clip, pictures: Pictures): Promise<Embeddings> {
  const [count = 0, , size = 0] = pictures.shape;
  const perPicture = pictures.data.length / count;
  const read = async (positions: readonly number[]): Promise<Pictures> => {
    const from = positions[0]! * perPicture;
    return {
      ...pictures,
      shape: [positions.length, 3, size, size],
      data: pictures.data.subarray(from, from + positions.length * perPicture),
    };
  };
  return encodePictures(engine, clip, {
    name: 'pictures',
    classes: [],
    labels: new Int32Array(count),
    size,
    hash: '',
    read,
  });
}

function imageGraph(clip: Clip, count: number): Graph {
  const { resolution } = clip.config.image;
  const pixels = pixelsOf(input('pictures', [count, 3, resolution, resolution], 'uint8'));
  return { outputs: { embeddings: l2Normalize(imageTower(clip.config, storedParameters(clip.parameters), pixels)) } };
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

/**
 * Unit-length text embeddings.
 *
 * @returns [texts.length, embedding]
 */
export async function encodeTexts(engine: Engine, clip: Clip, texts: readonly string[]): Promise<Embeddings> {
  const { embedding } = clip.config;
  const encoded = texts.map((text) => clip.tokenizer.encode(text));
  const length = Math.max(...encoded.map((ids) => ids.length));
  const count = Math.min(textBatch, texts.length);
  const result = new Float32Array(texts.length * embedding);
  await withProgram(engine, textGraph(clip, count, length), async (program) => {
    for (let first = 0; first < texts.length; first += count) {
      const batch = encoded.slice(first, first + count);
      while (batch.length < count) batch.push(encoded[first]!);
      const { embeddings } = await program.run(paddedTokens(batch, length));
      const rows = Math.min(count, texts.length - first);
      result.set((embeddings!.data as Float32Array).subarray(0, rows * embedding), first * embedding);
    }
  });
  return float32(result, [texts.length, embedding]);
}

function textGraph(clip: Clip, count: number, length: number): Graph {
  const parameters = storedParameters(clip.parameters);
  const tokens = tokenEmbedding(parameters, input('ids', [count, length], 'int64'));
  const ends = input('ends', [count], 'int64');
  return { outputs: { embeddings: l2Normalize(textTower(clip.config, parameters, tokens, ends)) } };
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

async function withProgram(engine: Engine, graph: Graph, use: (program: Program) => Promise<void>): Promise<void> {
  const program = await engine.compile(graph);
  try {
    await use(program);
  } finally {
    await program.release();
  }
}
