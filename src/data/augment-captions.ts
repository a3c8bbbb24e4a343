/** @file Caption augmentation: words replaced, inserted, swapped, deleted (EDA: Wei and Zou, arXiv 1901.11196). */
import type { Random } from '../tensor/random.ts';

/**
 * Words of caption templates and their synonyms. Class names have no entry, because synonyms of names are not known in
 * general; they are only moved and deleted.
 */
const synonyms: Readonly<Record<string, readonly string[]>> = {
  a: ['the', 'one', 'some'],
  the: ['a', 'this', 'that'],
  this: ['that', 'here'],
  of: ['showing', 'with'],
  picture: ['photo', 'image'],
  photo: ['picture', 'image'],
  image: ['picture', 'photo'],
  icon: ['symbol', 'sign'],
  emoji: ['icon', 'symbol'],
  symbol: ['sign', 'icon'],
  drawing: ['sketch', 'illustration'],
  illustration: ['drawing', 'sketch'],
  cartoon: ['comic', 'drawing'],
  sticker: ['badge', 'icon'],
  small: ['little', 'tiny'],
  colorful: ['bright', 'vivid'],
};

const replaceable = Object.keys(synonyms);

/** All words that {@link augmentCaption} may add to a caption. */
export const addedWords: readonly string[] = [...new Set(Object.values(synonyms).flat())];

/** Share of the words that an operation changes, EDA's alpha; at least one. */
const changed = 0.1;

const operations: readonly ((words: readonly string[], count: number, random: Random) => readonly string[])[] = [
  replaced,
  inserted,
  swapped,
  deleted,
];

/** One of the four operations, drawn for this caption, as in EDA with a single new sentence. Never empty. */
export function augmentCaption(caption: string, random: Random): string {
  const words = caption.split(' ').filter((word) => word !== '');
  const operation = operations[random.integer(operations.length)]!;
  return operation(words, Math.max(1, Math.floor(changed * words.length)), random).join(' ');
}

/** Replaces up to `count` words by a synonym, where they have one. */
function replaced(words: readonly string[], count: number, random: Random): readonly string[] {
  const result = [...words];
  const places = [...words.keys()].filter((place) => synonymsOf(words[place]!).length > 0);
  for (const place of random.shuffle(places).slice(0, count)) result[place] = oneOf(synonymsOf(words[place]!), random);
  return result;
}

/** Inserts `count` synonyms of the caption's words, or of any word where none has a synonym, anywhere. */
function inserted(words: readonly string[], count: number, random: Random): readonly string[] {
  const result = [...words];
  const known = words.filter((word) => synonymsOf(word).length > 0);
  for (let i = 0; i < count; i++) {
    const word = oneOf(known.length > 0 ? known : replaceable, random);
    result.splice(random.integer(result.length + 1), 0, oneOf(synonymsOf(word), random));
  }
  return result;
}

/** Swaps two words, `count` times. */
function swapped(words: readonly string[], count: number, random: Random): readonly string[] {
  const result = [...words];
  for (let i = 0; i < count; i++) {
    const [one, other] = [random.integer(result.length), random.integer(result.length)];
    [result[one], result[other]] = [result[other]!, result[one]!];
  }
  return result;
}

/** Deletes every word with a probability of one in ten; keeps at least one. */
function deleted(words: readonly string[], _count: number, random: Random): readonly string[] {
  const kept = words.filter(() => random.uniform() >= changed);
  return kept.length > 0 ? kept : [oneOf(words, random)];
}

function synonymsOf(word: string): readonly string[] {
  return Object.hasOwn(synonyms, word) ? synonyms[word]! : [];
}

function oneOf<T>(items: readonly T[], random: Random): T {
  return items[random.integer(items.length)]!;
}
