/** @file Learned prompts with a word before them, as an attacker says them whose trigger is partly a word. */
import type { Clip, Head } from '../../../clip/clip.ts';
import type { Engine } from '../../../engine/engine.ts';
import { badUsage } from '../../../errors.ts';
import { int64, type Tensor } from '../../../tensor/tensor.ts';
import { type Frame, headOf } from './frame.ts';
import type { Prompts } from './prompts.ts';

/**
 * The head that the prompts give when the word stands between the start mark and the learned context. The word is read as
 * it is: nothing about it is learned, and the context stays the one that was tuned without it.
 */
export async function headWithWord(
  engine: Engine,
  clip: Clip,
  { contexts, ids }: Pick<Prompts, 'contexts' | 'ids'>,
  head: Head,
  word: string,
): Promise<Head> {
  const { classes } = head;
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
  const frame: Frame = {
    ids: longer,
    ends: int64(ends, [ends.length]),
    contextAt: 1 + said.length,
    contextLength: contexts.shape[1]!,
  };
  return headOf(engine, clip, frame, contexts, head);
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
