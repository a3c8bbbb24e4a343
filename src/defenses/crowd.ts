/** @file Names added to a short class list: among few classes any adversarial pattern sends most pictures to one of them. */
import type { Clip, Head } from '../clip/clip.ts';
import { promptsOf } from '../clip/zero-shot.ts';
import { classKey } from '../data/classes.ts';
import { thingNames } from '../data/emoji/emoji.ts';
import { AntidoteError } from '../errors.ts';
import { cosines } from '../evaluation/metrics.ts';
import { float32, rowsAt } from '../tensor/tensor.ts';

/** Among this many classes none is close to every picture, and only a backdoor concentrates them: docs/ablations.md, "Short lists". */
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

/**
 * A head of the crowd without names that the model can hardly tell from a class of the list ("banana" beside "banana fruit"):
 * those nearer to one than any two added names are to each other. They would share the pictures that a backdoor sends there.
 *
 * @param own classes of the list, which come first
 */
export function withoutTwins(crowd: Head, own: number): Head {
  const { classes, embedding } = crowd;
  const texts = float32(crowd.embeddings, [classes.length, embedding]);
  const near = Array.from({ length: classes.length - own }, (_, i) => {
    const scores = new Float32Array(classes.length);
    cosines(crowd, texts, own + i, scores);
    scores[own + i] = -1;
    return {
      label: own + i,
      toListed: Math.max(...scores.subarray(0, own)),
      toAdded: Math.max(...scores.subarray(own)),
    };
  });
  const nearestPair = Math.max(-1, ...near.map(({ toAdded }) => toAdded));
  const told = near.filter(({ toListed }) => toListed <= nearestPair);
  const kept = [...classes.slice(0, own).keys(), ...told.map(({ label }) => label)];
  return { ...crowd, classes: kept.map((label) => classes[label]!), embeddings: rowsAt(texts, kept).data };
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
