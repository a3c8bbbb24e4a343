/** @file Texts to embeddings on the engine: padded in groups of like length, shared prefixes computed once. */
import { type Engine, type Tensors, withProgram } from '../engine/engine.ts';
import { l2Normalize } from '../graph/composites.ts';
import { arithmeticOf } from '../graph/costs.ts';
import type { Graph } from '../graph/graph.ts';
import { gatherRows } from '../graph/indexing.ts';
import { reshape } from '../graph/layout.ts';
import { constant, input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { float32, int64, type Tensor } from '../tensor/tensor.ts';
import type { Clip } from './clip.ts';
import { type Embeddings, encodingBatch } from './encode-pictures.ts';
import { lengthGroups } from './length-groups.ts';
import { storedParameters } from './parameters.ts';
import { sharedPrefixes } from './shared-prefixes.ts';
import { cachePrefix, type PrefixCache, textTower, tokenEmbedding } from './text-tower.ts';

export interface TextOptions {
  readonly length?: 'unit' | 'raw';
  /** How a text longer than the model's context is treated (see `Tokenizer`). */
  readonly overlong?: 'refuse' | 'truncate';
  /** Called after every batch with the number of texts done. */
  readonly progress?: (done: number) => void;
  readonly signal?: AbortSignal;
}

/** For fewer texts, compiling another graph takes longer than the work it saves. */
const worthCompiling = 512;

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
  const result = new Float32Array(texts.length * embedding);
  let done = 0;
  for (const part of partsOf(encoded)) {
    await withProgram(engine, textGraph(clip, part, length), async (program) => {
      for (let first = 0; first < part.rows.length; first += part.batch) {
        signal?.throwIfAborted();
        const chosen = part.rows.slice(first, first + part.batch);
        const { embeddings } = await program.run(feedsOf(part, first));
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

/** Multiplications and additions of {@link encodeTexts}. */
export function textArithmetic(clip: Clip, texts: readonly string[]): number {
  const encoded = texts.map((text) => clip.tokenizer.encode(text));
  const costs = partsOf(encoded).map((part) => {
    const runs = Math.ceil(part.rows.length / part.batch);
    return runs * arithmeticOf(textGraph(clip, part, 'unit'));
  });
  return costs.reduce((sum, cost) => sum + cost, 0);
}

/** Texts that one program embeds. */
interface Part {
  /** Positions of the texts. */
  readonly rows: readonly number[];
  /** Token ids of each text after its prefix. */
  readonly rests: readonly (readonly number[])[];
  /** Length to which the rests are padded. */
  readonly length: number;
  /** All of one length. */
  readonly prefixes: readonly (readonly number[])[];
  /** Index into `prefixes` for each text. */
  readonly prefixOf: readonly number[];
  /** Texts in one run. */
  readonly batch: number;
}

function partsOf(encoded: readonly (readonly number[])[]): readonly Part[] {
  return sharedPrefixes(encoded, worthCompiling).flatMap(({ length: shared, prefixes, rows, prefixOf }) => {
    const rests = rows.map((row) => encoded[row]!.slice(shared));
    const lengths = rests.map((ids) => ids.length);
    const groups = lengthGroups(lengths, Math.min(4, Math.ceil(rows.length / worthCompiling)));
    return groups.map(({ rows: own, length }) => ({
      rows: own.map((at) => rows[at]!),
      rests: own.map((at) => rests[at]!),
      length,
      prefixes,
      prefixOf: own.map((at) => prefixOf[at]!),
      batch: Math.min(encodingBatch, own.length),
    }));
  });
}

/** The texts of one run, from `first` on, filled up with the last one. */
function feedsOf({ rows, rests, length, prefixes, prefixOf, batch }: Part, first: number): Tensors {
  const chosen = Array.from({ length: batch }, (_, i) => Math.min(first + i, rows.length - 1));
  const texts = paddedTokens(
    chosen.map((at) => rests[at]!),
    length,
  );
  if (prefixes[0]!.length === 0) return texts;
  const prefix = chosen.map((at) => prefixOf[at]!);
  return { ...texts, prefix: int64(prefix, [batch]) };
}

function textGraph(clip: Clip, { length, prefixes, batch }: Part, norm: 'unit' | 'raw'): Graph {
  const parameters = storedParameters(clip.parameters);
  const tokens = tokenEmbedding(parameters, input('ids', [batch, length], 'int64'));
  const shared = prefixes[0]!.length;
  let prefixCache: PrefixCache | undefined;
  if (shared > 0) {
    // Constant, so the engine runs them through the tower while it compiles.
    const first = tokenEmbedding(parameters, constant(int64(prefixes.flat(), [prefixes.length, shared])));
    prefixCache = ownPrefixes(cachePrefix(clip.config, parameters, first), input('prefix', [batch], 'int64'));
  }
  const embeddings = textTower(clip.config, parameters, tokens, input('ends', [batch], 'int64'), prefixCache);
  return { outputs: { embeddings: norm === 'unit' ? l2Normalize(embeddings) : embeddings } };
}

/** The cache of each text's own prefix. */
function ownPrefixes(cache: PrefixCache, which: Value): PrefixCache {
  const chosen = (x: Value) => {
    const [count = 1, positions = 1, width = 1] = x.shape;
    const flat = gatherRows(reshape(x, [count, positions * width]), which);
    return reshape(flat, [which.shape[0]!, positions, width]);
  };
  return cache.map(({ keys, values }) => ({ keys: chosen(keys), values: chosen(values) }));
}

/** Token ids [n, length], zeros after the end mark, and the positions of the end marks [n]. */
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
