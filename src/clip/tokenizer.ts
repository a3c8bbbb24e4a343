/** @file CLIP's byte-pair tokenizer: text to words, words to bytes, bytes merged to tokens (OpenAI `simple_tokenizer.py`). */
import { badData, badUsage } from '../errors.ts';
import type { Tokenizer } from './clip.ts';

/** What a tokenizer has learned: which pairs to merge, the earlier the stronger, and the number of each token. */
export interface Vocabulary {
  /** Rank of each merge, by the two parts with a space between them. */
  readonly ranks: ReadonlyMap<string, number>;
  readonly ids: ReadonlyMap<string, number>;
  readonly start: number;
  readonly end: number;
}

/** The last symbol of a word carries this, so that "cat" the word and "cat" in "category" are different tokens. */
const endOfWord = '</w>';

/** Contractions, runs of letters, single digits, runs of anything else but white space. */
const words = /'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\p{White_Space}\p{L}\p{N}]+/gu;

/** Longest text that is looked at, in UTF-16 units: merging is quadratic in the length of a word. */
const longestText = 20_000;

/** Words whose tokens are remembered; more than any data set's captions have. */
const rememberedWords = 200_000;

/**
 * The 256 bytes as visible characters: printable ones of Latin-1 stand for themselves, the others for what follows
 * U+0100. Merges are lines of text, so no byte may look like white space.
 */
const byteCharacters: readonly string[] = (() => {
  const characters: string[] = [];
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    characters.push(String.fromCodePoint(printable ? byte : next++));
  }
  return characters;
})();

/** Merges of OpenAI's file that became tokens: 49,152 less 256 bytes and 2 marks; the rest of the file is unused. */
const openAiMerges = 49_152 - 256 - 2;

/** The vocabulary of all of OpenAI's and open_clip's models, from their `bpe_simple_vocab_16e6.txt`. */
export function openAiVocabulary(text: string): Vocabulary {
  const merges = text.split('\n', 1 + openAiMerges).slice(1);
  const printable = byteCharacters.filter((character) => character < 'Ā');
  const bytes = [...printable, ...byteCharacters.filter((character) => character >= 'Ā')];
  const tokens = [...bytes, ...bytes.map((byte) => byte + endOfWord), ...merges.map((merge) => merge.replace(' ', ''))];
  const ids = new Map(tokens.map((token, id) => [token, id]));
  return { ranks: ranksOf(merges), ids, start: tokens.length, end: tokens.length + 1 };
}

/** Merges, two parts with a space between them, to their ranks. */
export function ranksOf(merges: readonly string[]): ReadonlyMap<string, number> {
  return new Map(merges.map((merge, rank) => [merge, rank]));
}

/**
 * @param where what errors call it: the file that the vocabulary is from
 * @param clean what is done to a text first; open_clip and transformers differ there
 * @param context longest sequence, both marks included
 */
export function createTokenizer(
  where: string,
  vocabulary: Vocabulary,
  clean: (text: string) => string,
  context: number,
): Tokenizer {
  const { ids, start, end } = vocabulary;
  const lost = byteCharacters.find((byte) => !ids.has(byte) || !ids.has(byte + endOfWord));
  if (lost !== undefined)
    throw badData(where, `no token for the byte ${JSON.stringify(lost)}`, 'every byte to be a token');
  const known = new Map<string, readonly number[]>();
  const idsOf = (word: string): readonly number[] => {
    const remembered = known.get(word);
    if (remembered) return remembered;
    if (known.size === rememberedWords) known.clear();
    const tokens = merged(word, vocabulary.ranks).map((token) => {
      const id = ids.get(token);
      if (id === undefined)
        throw badData(where, `the merge ${JSON.stringify(token)} without a token`, 'a token for every merge');
      return id;
    });
    known.set(word, tokens);
    return tokens;
  };
  return {
    start,
    end,
    encode(text, overlong = 'refuse') {
      if (text.length > longestText) throw tooLong(text, `${text.length} characters`, `at most ${longestText}`);
      const tokens = [start, ...(clean(text).match(words) ?? []).flatMap(idsOf), end];
      if (tokens.length <= context) return tokens;
      if (overlong === 'refuse') throw tooLong(text, `${tokens.length} tokens`, `at most ${context}, marks included`);
      return [...tokens.slice(0, context - 1), end];
    },
  };
}

function tooLong(text: string, found: string, expected: string) {
  return badUsage(
    `the text ${JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text)}`,
    found,
    expected,
    'shorten it',
  );
}

/** Merges the bytes of a word, strongest pair first, every occurrence from left to right. */
function merged(word: string, ranks: ReadonlyMap<string, number>): readonly string[] {
  let symbols = [...new TextEncoder().encode(word)].map((byte) => byteCharacters[byte]!);
  symbols[symbols.length - 1] += endOfWord;
  while (symbols.length > 1) {
    let best = Number.POSITIVE_INFINITY;
    let pair = '';
    for (let i = 0; i + 1 < symbols.length; i++) {
      const candidate = `${symbols[i]} ${symbols[i + 1]}`;
      const rank = ranks.get(candidate);
      if (rank !== undefined && rank < best) {
        best = rank;
        pair = candidate;
      }
    }
    if (pair === '') break;
    const next: string[] = [];
    for (let i = 0; i < symbols.length; i++) {
      if (`${symbols[i]} ${symbols[i + 1]}` === pair) {
        next.push(symbols[i]! + symbols[i + 1]!);
        i++;
      } else {
        next.push(symbols[i]!);
      }
    }
    symbols = next;
  }
  return symbols;
}
