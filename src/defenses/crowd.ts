/** @file Names added to a short class list: among few classes any adversarial pattern sends most pictures to one of them. */
import type { Clip } from '../clip/clip.ts';
import { promptsOf } from '../clip/zero-shot.ts';
import { classKey } from '../data/classes.ts';
import { thingNames } from '../data/emoji/emoji.ts';
import { AntidoteError } from '../errors.ts';

/** Among this many classes none is close to every picture, and only a backdoor concentrates them: docs/ablations.md, "Scan". */
const leastClasses = 100;

/**
 * The classes and, where they are few, those of the hundred everyday things that are not among them. No picture shows the
 * added things. An ordinary adversarial pattern scatters over them; a backdoor whose target is one of them is found too.
 */
export async function crowdOf(
  { tokenizer }: Pick<Clip, 'tokenizer'>,
  classes: readonly string[],
  templates: readonly string[],
): Promise<readonly string[]> {
  if (classes.length >= leastClasses) return classes;
  const own = new Set(classes.map(classKey));
  const others = (await thingNames()).filter((name) => !own.has(classKey(name)));
  // An added name that the model cannot read is left out: the user never asked for it.
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
