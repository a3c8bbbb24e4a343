/** @file Learned prompts with a word before them, as an attacker says them whose trigger is partly a word. */
import type { Clip, Head } from '../../clip/clip.ts';
import { storedParameters } from '../../clip/parameters.ts';
import { textTower, tokenEmbedding } from '../../clip/text-tower.ts';
import type { Engine } from '../../engine/engine.ts';
import { withProgram } from '../../engine/with-program.ts';
import { badUsage } from '../../errors.ts';
import { l2Normalize } from '../../graph/composites.ts';
import { broadcastTo, concat, slice } from '../../graph/layout.ts';
import { constant } from '../../graph/leaves.ts';
import { int64, type Tensor } from '../../tensor/tensor.ts';
import type { Prompts } from './prompts.ts';

/**
 * The head that the prompts give when the word stands between the start mark and the learned context. The word is read as
 * it is: nothing about it is learned, and the context stays the one that was tuned without it.
 */
export async function headWithWord(
  engine: Engine,
  clip: Clip,
  { contexts, ids }: Pick<Prompts, 'contexts' | 'ids'>,
  { classes, embedding, scale }: Head,
  word: string,
): Promise<Head> {
  const said = clip.tokenizer.encode(word).slice(1, -1);
  const longer = withTokens(ids, said);
  const { context } = clip.config.text;
  if (longer.shape[1]! > context) {
    throw badUsage(
      '--trigger',
      `prompts of ${longer.shape[1]} tokens with "${word}" before them`,
      `at most ${context}`,
    );
  }
  const ends = Array.from({ length: classes.length }, (_, row) => endOf(clip, longer, row));
  const parameters = storedParameters(clip.parameters);
  const written = tokenEmbedding(parameters, constant(longer));
  const first = 1 + said.length;
  const [, length = 0] = longer.shape;
  const [, contextLength = 0, width = 0] = contexts.shape;
  // One context may stand for all classes.
  const own = broadcastTo(constant(contexts), [classes.length, contextLength, width]);
  const tokens = concat([slice(written, 1, 0, first), own, slice(written, 1, first + contextLength, length)], 1);
  const embeddings = l2Normalize(textTower(clip.config, parameters, tokens, constant(int64(ends, [ends.length]))));
  const result = await withProgram(engine, { outputs: { embeddings } }, (program) => program.run({}));
  return { classes, embedding, scale, embeddings: result.embeddings!.data as Float32Array };
}

/** Token ids [classes, length] with more of them behind the start mark. */
function withTokens({ shape, data }: Tensor<'int64'>, said: readonly number[]): Tensor<'int64'> {
  const [rows = 0, length = 0] = shape;
  const longer = Array.from({ length: rows }, (_, row) => {
    const own = Array.from(data.subarray(row * length, (row + 1) * length), Number);
    return [...own.slice(0, 1), ...said, ...own.slice(1)];
  });
  return int64(longer.flat(), [rows, length + said.length]);
}

function endOf(clip: Clip, { shape, data }: Tensor<'int64'>, row: number): number {
  const length = shape[1]!;
  return data.subarray(row * length, (row + 1) * length).indexOf(BigInt(clip.tokenizer.end));
}
