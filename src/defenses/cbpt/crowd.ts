/** @file Names beside a short list: among few classes any adversarial pattern sends most pictures to one of them. */
import type { Clip } from '../../clip/clip.ts';
import { promptsOf } from '../../clip/zero-shot.ts';
import { classKey } from '../../data/classes.ts';
import { thingNames } from '../../data/emoji/emoji.ts';
import { AntidoteError } from '../../errors.ts';

/** With so many classes none is near to every picture, and only a backdoor gathers them: docs/method.md, "Scan". */
const leastClasses = 100;

/**
 * The classes and, behind them where they are few, those of the hundred everyday things that are not among them. No picture
 * shows these; a pattern that leads nowhere in particular scatters over them, and one that leads to one of them is found too.
 */
export async function crowdOf(
  { tokenizer }: Pick<Clip, 'tokenizer'>,
  classes: readonly string[],
  templates: readonly string[],
): Promise<readonly string[]> {
  if (classes.length >= leastClasses) return classes;
  const own = new Set(classes.map(classKey));
  const others = (await thingNames()).filter((name) => !own.has(classKey(name)));
  // What nobody has asked for must not be refused.
  return [...classes, ...others.filter((name) => promptsOf([name], templates).every((text) => fits(tokenizer, text)))];
}

/** Whether a model can read a text: its context may be short, its vocabulary small. */
function fits(tokenizer: Clip['tokenizer'], text: string): boolean {
  try {
    tokenizer.encode(text);
    return true;
  } catch (error) {
    if (error instanceof AntidoteError) return false;
    throw error;
  }
}
