/** @file The prompts of all classes as token ids with room for contexts, and class embeddings as a function of those. */
import type { Clip, Head } from '../../../clip/clip.ts';
import { paddedTokens } from '../../../clip/encode.ts';
import { type LengthGroup, lengthGroups } from '../../../clip/length-groups.ts';
import { storedParameters } from '../../../clip/parameters.ts';
import { textTower, tokenEmbedding } from '../../../clip/text-tower.ts';
import { fillTemplate } from '../../../clip/zero-shot.ts';
import type { Engine } from '../../../engine/engine.ts';
import { withProgram } from '../../../engine/with-program.ts';
import { l2Normalize } from '../../../graph/composites.ts';
import { gatherRows } from '../../../graph/indexing.ts';
import { broadcastTo, concat, reshape, slice } from '../../../graph/layout.ts';
import { constant, input } from '../../../graph/leaves.ts';
import type { Value } from '../../../graph/value.ts';
import { int64, rowsAt, type Tensor } from '../../../tensor/tensor.ts';

/** The prompts' fixed part. Start mark, context, class name, end mark. */
export interface Frame {
  readonly ids: Tensor<'int64'>;
  readonly ends: Tensor<'int64'>;
  /** Position of the first context token. */
  readonly contextAt: number;
  readonly contextLength: number;
}

/** Token ids of all classes' prompts, padded to the longest. */
export function promptFrame(clip: Clip, classes: readonly string[], prompt: string): Frame {
  const contextLength = clip.tokenizer.encode(prompt.slice(0, prompt.indexOf('{}'))).length - 2;
  const encoded = classes.map((name) => clip.tokenizer.encode(fillTemplate(prompt, name)));
  const padded = paddedTokens(encoded, Math.max(...encoded.map((ids) => ids.length)));
  return { ...padded, contextAt: 1, contextLength };
}

/** Each group has its own copy of the text tower, in the graph or in programs of its own. */
const mostGroups = 4;

/** Classes whose prompts are of like length: short prompts need no padding to the longest. */
export function groupsOf({ ends }: Frame): readonly LengthGroup[] {
  return lengthGroups(
    Array.from(ends.data, Number).map((end) => end + 1),
    mostGroups,
  );
}

/** The words' embeddings. All classes start from the same words, so the first one's are those of a shared context. */
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
 * Embeddings of some prompts, of unit length.
 *
 * @param ids token ids, [n, length]
 * @param ends positions of the end marks, [n]
 * @param contexts what takes the place of the words, [n, M, width]
 * @returns [n, embedding]
 */
export function promptEmbeddings(
  clip: Clip,
  { contextAt, contextLength }: Pick<Frame, 'contextAt' | 'contextLength'>,
  ids: Value,
  ends: Value,
  contexts: Value,
): Value {
  const parameters = storedParameters(clip.parameters);
  const written = tokenEmbedding(parameters, ids);
  const behind = slice(written, 1, contextAt + contextLength, ids.shape[1]!);
  const tokens = concat([slice(written, 1, 0, contextAt), contexts, behind], 1);
  return l2Normalize(textTower(clip.config, parameters, tokens, ends));
}

/** Embeddings of all classes as a function of the contexts, which may be one for all: [classes, embedding]. */
export function classEmbeddings(clip: Clip, frame: Frame, contexts: Value): Value {
  const { ids, ends, contextLength } = frame;
  const [count, width] = [ids.shape[0]!, contexts.shape[2]!];
  const flat = reshape(broadcastTo(contexts, [count, contextLength, width]), [count, contextLength * width]);
  const groups = groupsOf(frame);
  const embeddings = groups.map(({ rows, length }) => {
    const own = reshape(gatherRows(flat, constant(int64(rows, [rows.length]))), [rows.length, contextLength, width]);
    return promptEmbeddings(clip, frame, constant(idsAt(frame, rows, length)), constant(rowsAt(ends, rows)), own);
  });
  const order = groups.flatMap(({ rows }) => rows);
  const places = order.map((_, row) => order.indexOf(row));
  return gatherRows(concat(embeddings, 0), constant(int64(places, [count])));
}

/** The first `length` token ids of some classes, [rows.length, length]. */
export function idsAt({ ids }: Frame, rows: readonly number[], length: number): Tensor<'int64'> {
  const stride = ids.shape[1]!;
  const cut = rows.flatMap((row) => Array.from(ids.data.subarray(row * stride, row * stride + length), Number));
  return int64(cut, [rows.length, length]);
}

/** The head that contexts give in their frame. */
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
