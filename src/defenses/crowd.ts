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
 * those nearer to one than any two things are to each other. They would share the pictures that a backdoor sends there.
 * A crowd without two things keeps all its names.
 *
 * @param own classes of the list, which come first
 */
export async function withoutTwins(crowd: Head, own: number): Promise<Head> {
  const { classes, embedding } = crowd;
  const texts = float32(crowd.embeddings, [classes.length, embedding]);
  const labels = [...classes.keys()];
  const listed = labels.slice(0, own);
  const thingKeys = new Set((await thingNames()).map(classKey));
  const things = labels.filter((label) => thingKeys.has(classKey(classes[label]!)));
  if (things.length < 2) return crowd;
  const nearest = (label: number, among: readonly number[]): number => {
    const scores = new Float32Array(classes.length);
    cosines(crowd, texts, label, scores);
    return Math.max(...among.filter((other) => other !== label).map((other) => scores[other]!));
  };
  const nearestThings = Math.max(...things.map((label) => nearest(label, things)));
  const kept = labels.filter((label) => label < own || nearest(label, listed) <= nearestThings);
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
