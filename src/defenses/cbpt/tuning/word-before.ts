/** @file Learned prompts with a word before them, for an attacker whose trigger includes a word. */
import type { Clip, Head } from '../../../clip/clip.ts';
import type { Engine } from '../../../engine/engine.ts';
import { badUsage } from '../../../errors.ts';
import { int64, type Tensor } from '../../../tensor/tensor.ts';
import { type Frame, headOf } from './frame.ts';
import type { Prompts } from './prompts.ts';

/**
 * The head of the prompts with the word between the start mark and the learned context. The context stays as it was tuned
 * without the word.
 */
export async function headWithWord(
  engine: Engine,
  clip: Clip,
  { contexts, ids }: Pick<Prompts, 'contexts' | 'ids'>,
  head: Head,
  word: string,
): Promise<Head> {
  const { classes } = head;
  const added = clip.tokenizer.encode(word).slice(1, -1);
  const longer = withTokens(ids, added);
  const { context } = clip.config.text;
  if (longer.shape[1]! > context) {
    throw badUsage(
      '--trigger',
      `prompts of ${longer.shape[1]} tokens with "${word}" before them`,
      `at most ${context}`,
    );
  }
  const ends = Array.from({ length: classes.length }, (_, row) => endOf(clip, longer, row));
  const frame: Frame = {
    ids: longer,
    ends: int64(ends, [ends.length]),
    contextAt: 1 + added.length,
    contextLength: contexts.shape[1]!,
  };
  return headOf(engine, clip, frame, contexts, head);
}

/** Token ids [classes, length] with more ids after the start mark. */
function withTokens({ shape, data }: Tensor<'int64'>, added: readonly number[]): Tensor<'int64'> {
  const [rows = 0, length = 0] = shape;
  const longer = Array.from({ length: rows }, (_, row) => {
    const own = Array.from(data.subarray(row * length, (row + 1) * length), Number);
    return [...own.slice(0, 1), ...added, ...own.slice(1)];
  });
  return int64(longer.flat(), [rows, length + added.length]);
}

function endOf(clip: Clip, { shape, data }: Tensor<'int64'>, row: number): number {
  const length = shape[1]!;
  return data.subarray(row * length, (row + 1) * length).indexOf(BigInt(clip.tokenizer.end));
}
