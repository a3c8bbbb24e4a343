/**
 * @file `coop.safetensors`: the learned prompts in the form of CoOp's prompt learner.
 *
 * CoOp (`trainers/coop.py`, PromptLearner; class-specific contexts, class name at the end) makes a prompt by joining
 * three parts along the positions: `token_prefix`, the start token; `ctx`, the learned context; `token_suffix`, class name,
 * end token and padding. The text tower adds positions, and reads the result at the largest id of `tokenized_prompts`,
 * which is the end token.
 */
import { join } from 'node:path';
import type { Clip } from '../clip/clip.ts';
import type { Prompts } from '../defenses/cbpt/tuning/prompts.ts';
import { badData } from '../errors.ts';
import { readTensor, writeSafetensors } from '../tensor/safetensors.ts';
import { float32, int64, rowsAt, type Tensor } from '../tensor/tensor.ts';

export const coopFile = 'coop.safetensors';

/**
 * Writes, for C classes, M context tokens, L positions and width W of the text tower: `ctx` [C, M, W], `token_prefix`
 * [C, 1, W], `token_suffix` [C, L - 1 - M, W] and `tokenized_prompts` [C, L] (int64; ids at the context's positions are
 * those of its initial words, ids after the end token are 0, as OpenAI's `tokenize` pads).
 */
export async function writeCoop(
  directory: string,
  clip: Clip,
  classes: readonly string[],
  { contexts, ids }: Pick<Prompts, 'contexts' | 'ids'>,
  notes: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const { context, width } = clip.config.text;
  const learned = contexts.shape[1]!;
  const padded = paddedIds(ids, context);
  const embedded = await tokenEmbeddings(clip, padded);
  const part = (from: number, to: number) => positions(embedded, [classes.length, context, width], from, to);
  const tensors = {
    ctx: contexts,
    token_prefix: part(0, 1),
    token_suffix: part(1 + learned, context),
    tokenized_prompts: int64(padded, [classes.length, context]),
  };
  const metadata = {
    format: 'pt',
    ...notes,
    classes: JSON.stringify(classes),
    class_token_position: 'end',
    end_token: String(clip.tokenizer.end),
  };
  await writeSafetensors(join(directory, coopFile), tensors, metadata);
  return { [coopFile]: "the learned contexts and token ids, with the tensors of CoOp's prompt learner" };
}

function paddedIds({ shape, data }: Tensor<'int64'>, length: number): Int32Array {
  const [rows = 0, present = 0] = shape;
  const ids = new Int32Array(rows * length);
  for (let row = 0; row < rows; row++) {
    for (let at = 0; at < present; at++) ids[row * length + at] = Number(data[row * present + at]);
  }
  return ids;
}

async function tokenEmbeddings(clip: Clip, ids: Int32Array): Promise<Float32Array> {
  const parameter = clip.parameters.get('token_embedding.weight');
  if (parameter?.kind !== 'stored') throw new TypeError('token embeddings are a stored parameter in every layout');
  const table = (await readTensor(parameter.tensor)) as Tensor<'float32'>;
  const beyond = ids.find((id) => id >= table.shape[0]!);
  if (beyond !== undefined) throw badData(clip.name, `${table.shape[0]} tokens`, `more than ${beyond}`, 'purify again');
  return rowsAt(table, Array.from(ids)).data;
}

/** Positions [from, to) of every row of [rows, length, width]. */
function positions(
  data: Float32Array,
  [rows, length, width]: readonly [number, number, number],
  from: number,
  to: number,
): Tensor<'float32'> {
  const taken = new Float32Array(rows * (to - from) * width);
  for (let row = 0; row < rows; row++) {
    const start = row * length * width;
    taken.set(data.subarray(start + from * width, start + to * width), row * (to - from) * width);
  }
  return float32(taken, [rows, to - from, width]);
}
