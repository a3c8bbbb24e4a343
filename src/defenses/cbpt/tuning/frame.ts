/** @file The prompts of all classes as token ids with places for contexts, and class embeddings as a function of contexts. */
import type { Clip, Head } from '../../../clip/clip.ts';
import { paddedTokens } from '../../../clip/encode-texts.ts';
import { type LengthGroup, lengthGroups } from '../../../clip/length-groups.ts';
import { storedParameters } from '../../../clip/parameters.ts';
import { cachePrefix, textTower, tokenEmbedding } from '../../../clip/text-tower.ts';
import { fillTemplate } from '../../../clip/zero-shot.ts';
import { plainPrompt } from '../../../data/classes.ts';
import { type Engine, withProgram } from '../../../engine/engine.ts';
import { badUsage } from '../../../errors.ts';
import { l2Normalize } from '../../../graph/composites.ts';
import { gatherRows } from '../../../graph/indexing.ts';
import { broadcastTo, concat, reshape, slice } from '../../../graph/layout.ts';
import { constant, input } from '../../../graph/leaves.ts';
import type { Value } from '../../../graph/value.ts';
import { int64, rowsAt, type Tensor } from '../../../tensor/tensor.ts';

/** The fixed part of the prompts: start mark, context, class name, end mark. */
export interface Frame {
  readonly ids: Tensor<'int64'>;
  readonly ends: Tensor<'int64'>;
  /** Position of the first context token. */
  readonly contextAt: number;
  readonly contextLength: number;
}

/**
 * Token ids of all classes' prompts, padded to the longest.
 *
 * @throws badUsage for a prompt that begins with the name, because no word before it can start a context; and for one in
 *   which a token spans name and context, because tuning would change a part of the name
 */
export function promptFrame(clip: Clip, classes: readonly string[], prompt: string): Frame {
  const before = clip.tokenizer.encode(prompt.slice(0, prompt.indexOf('{}'))).slice(0, -1);
  const contextLength = before.length - 1;
  if (contextLength === 0) {
    throw badUsage(
      '--classes',
      `the prompt "${prompt}"`,
      `words before {}, as in "${plainPrompt}"`,
      'give the list a "prompt" that has some: {"classes": [...], "templates": [...], "prompt": "..."}',
    );
  }
  const encoded = classes.map((name) => clip.tokenizer.encode(fillTemplate(prompt, name)));
  const joined = encoded.findIndex((ids) => before.some((id, at) => ids[at] !== id));
  if (joined >= 0) {
    throw badUsage(
      '--classes',
      `the prompt "${prompt}", in which the model reads "${classes[joined]}" and what is before it as one word`,
      'the name as words of its own',
      `put a space before {}, as in "${plainPrompt}"`,
    );
  }
  const padded = paddedTokens(encoded, Math.max(...encoded.map((ids) => ids.length)));
  return { ...padded, contextAt: 1, contextLength };
}

/** At most; each group has its own copy of the text tower, in the graph or in its own programs. */
const mostGroups = 4;

/** Classes in groups of similar prompt length: short prompts need no padding to the longest. */
export function groupsOf({ ends }: Frame): readonly LengthGroup[] {
  return lengthGroups(
    Array.from(ends.data, Number).map((end) => end + 1),
    mostGroups,
  );
}

/** Token embeddings of the context's words. All classes start from the same words, so a shared context takes the first class's. */
export async function startingContexts(
  engine: Engine,
  clip: Clip,
  { ids, contextLength }: Frame,
  kind: 'class-wise' | 'shared',
): Promise<Tensor<'float32'>> {
  const written = tokenEmbedding(storedParameters(clip.parameters), constant(ids));
  const words = slice(written, 1, 1, 1 + contextLength);
  const contexts = kind === 'shared' ? slice(words, 0, 0, 1) : words;
  const result = await withProgram(engine, { outputs: { contexts } }, (program) => program.run({}));
  return result.contexts as Tensor<'float32'>;
}

/**
 * Unit embeddings of some prompts. The tokens before the contexts are the same in all of them.
 *
 * @param suffixes token ids after the contexts, [n, length]
 * @param ends positions of the end marks, counted from the first context token, [n]
 * @param contexts vectors in place of the words, [n, M, width]
 * @returns [n, embedding]
 */
export function promptEmbeddings(
  clip: Clip,
  { ids, contextAt }: Pick<Frame, 'ids' | 'contextAt'>,
  suffixes: Value,
  ends: Value,
  contexts: Value,
): Value {
  const parameters = storedParameters(clip.parameters);
  const first = Array.from(ids.data.subarray(0, contextAt), Number);
  const cache = cachePrefix(
    clip.config,
    parameters,
    tokenEmbedding(parameters, constant(int64(first, [1, contextAt]))),
  );
  const forAll = (x: Value) => broadcastTo(x, [contexts.shape[0]!, ...x.shape.slice(1)]);
  const prefixCache = cache.map(({ keys, values }) => ({ keys: forAll(keys), values: forAll(values) }));
  const tokens = concat([contexts, tokenEmbedding(parameters, suffixes)], 1);
  return l2Normalize(textTower(clip.config, parameters, tokens, ends, prefixCache));
}

/** Embeddings of all classes, [classes, embedding], as a function of the contexts, which may be one for all. */
export function classEmbeddings(clip: Clip, frame: Frame, contexts: Value): Value {
  const { ids, contextLength } = frame;
  const [count, width] = [ids.shape[0]!, contexts.shape[2]!];
  const flat = reshape(broadcastTo(contexts, [count, contextLength, width]), [count, contextLength * width]);
  const groups = groupsOf(frame);
  const embeddings = groups.map(({ rows, length }) => {
    const own = reshape(gatherRows(flat, constant(int64(rows, [rows.length]))), [rows.length, contextLength, width]);
    const { suffixes, ends } = suffixesOf(frame, rows, length);
    return promptEmbeddings(clip, frame, constant(suffixes), constant(ends), own);
  });
  const order = groups.flatMap(({ rows }) => rows);
  const places = order.map((_, row) => order.indexOf(row));
  return gatherRows(concat(embeddings, 0), constant(int64(places, [count])));
}

/** The tokens after the contexts of some classes' prompts, cut to `length`, as {@link promptEmbeddings} reads them. */
export function suffixesOf(
  { ids, ends, contextAt, contextLength }: Frame,
  rows: readonly number[],
  length: number,
): { readonly suffixes: Tensor<'int64'>; readonly ends: Tensor<'int64'> } {
  const stride = ids.shape[1]!;
  const from = contextAt + contextLength;
  const cut = rows.flatMap((row) => Array.from(ids.data.subarray(row * stride + from, row * stride + length), Number));
  return {
    suffixes: int64(cut, [rows.length, length - from]),
    ends: int64(
      rows.map((row) => Number(ends.data[row]) - contextAt),
      [rows.length],
    ),
  };
}

/** Contexts of all classes, [classes, M, width], where they may share one. */
export function forAllClasses(contexts: Tensor<'float32'>, classes: number): Tensor<'float32'> {
  return contexts.shape[0] === classes ? contexts : rowsAt(contexts, new Array<number>(classes).fill(0));
}

/** The head of contexts in their frame. */
export async function headOf(
  engine: Engine,
  clip: Clip,
  frame: Frame,
  contexts: Tensor,
  { classes, embedding, scale }: Head,
): Promise<Head> {
  const value = input('contexts', contexts.shape);
  const graph = { outputs: { embeddings: classEmbeddings(clip, frame, value) } };
  const result = await withProgram(engine, graph, (program) => program.run({ contexts }));
  return { classes, embedding, scale, embeddings: result.embeddings!.data as Float32Array };
}
