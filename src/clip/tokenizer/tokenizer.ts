/** @file CLIP's byte-pair tokenizer: text to words, words to bytes, bytes merged to tokens (OpenAI `simple_tokenizer.py`). */
import { badData, badUsage } from '../../errors.ts';
import type { Tokenizer } from '../clip.ts';
import { mergePairs, type Ranks, ranksOf } from './byte-pairs.ts';

/** What a tokenizer has learned: the ranks of the merges, and the id of each token. */
export interface Vocabulary {
  readonly ranks: Ranks;
  readonly ids: ReadonlyMap<string, number>;
  readonly start: number;
  readonly end: number;
  /** Tokens that are not merges but were added later, as written in a text. */
  readonly added: readonly string[];
}

/** Suffix of a word's last symbol: it makes the word "cat" and the "cat" of "category" different tokens. */
const endOfWord = '</w>';

/** Contractions, runs of letters, single digits, runs of other characters except white space. */
const words = /'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\p{White_Space}\p{L}\p{N}]+/gu;

/** The marks as written by OpenAI and transformers, and by open_clip. */
const marks = ['<|startoftext|>', '<|endoftext|>', '<start_of_text>', '<end_of_text>'];

/** Longest accepted text, in UTF-16 units: cleaning undoes nested escapes, one level in each pass. */
const longestText = 20_000;

/** Number of words whose tokens are cached; more than the captions of any data set have. */
const rememberedWords = 200_000;

/**
 * The 256 bytes as visible characters: printable Latin-1 characters stand for themselves, the other bytes are characters
 * from U+0100 on. Merges are lines of text, so no byte may look like white space.
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

/** Number of merges in OpenAI's file that are tokens: 49,152 less 256 bytes and 2 marks. The rest is unused. */
const openAiMerges = 49_152 - 256 - 2;

/** The vocabulary of all of OpenAI's and open_clip's models, from their `bpe_simple_vocab_16e6.txt`. */
export function openAiVocabulary(text: string): Vocabulary {
  const merges = text.split('\n', 1 + openAiMerges).slice(1);
  const printable = byteCharacters.filter((character) => character < 'Ā');
  const bytes = [...printable, ...byteCharacters.filter((character) => character >= 'Ā')];
  const tokens = [...bytes, ...bytes.map((byte) => byte + endOfWord), ...merges.map((merge) => merge.replace(' ', ''))];
  const ids = new Map(tokens.map((token, id) => [token, id]));
  return { ranks: ranksOf(merges), ids, start: tokens.length, end: tokens.length + 1, added: [] };
}

/**
 * A text that contains a mark or an added token is refused. The original tokenizers read it as that token, so a text could
 * end its sequence early; read as ordinary text it would differ from the originals.
 *
 * @param where name in error messages: the file of the vocabulary
 * @param clean applied to a text first; open_clip and transformers differ there
 * @param context longest sequence, both marks included
 */
export function createTokenizer(
  where: string,
  vocabulary: Vocabulary,
  clean: (text: string) => string,
  context: number,
): Tokenizer {
  const { ids, start, end } = vocabulary;
  const reserved = [...new Set([...marks, ...vocabulary.added])];
  const lost = byteCharacters.find((byte) => !ids.has(byte) || !ids.has(byte + endOfWord));
  if (lost !== undefined)
    throw badData(where, `no token for the byte ${JSON.stringify(lost)}`, 'every byte to be a token');
  const known = new Map<string, readonly number[]>();
  const idsOf = (word: string): readonly number[] => {
    const remembered = known.get(word);
    if (remembered) return remembered;
    if (known.size === rememberedWords) known.clear();
    const tokens = mergePairs(symbolsOf(word), vocabulary.ranks).map((token) => {
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
      if (text.length > longestText)
        throw refused(text, `${text.length} characters`, `at most ${longestText}`, 'shorten it');
      const plain = clean(text);
      const mark = reserved.find((token) => text.includes(token) || plain.includes(token));
      if (mark !== undefined)
        throw refused(text, `"${mark}" in it`, 'none of what its tokenizer takes for tokens', 'write it otherwise');
      const tokens = [start];
      for (const [word] of plain.matchAll(words)) {
        for (const id of idsOf(word)) tokens.push(id);
        if (overlong === 'truncate' && tokens.length >= context - 1) break;
      }
      tokens.push(end);
      if (tokens.length <= context) return tokens;
      if (overlong === 'refuse')
        throw refused(text, `${tokens.length} tokens`, `at most ${context}, marks included`, 'shorten it');
      return [...tokens.slice(0, context - 1), end];
    },
  };
}

function refused(text: string, found: string, expected: string, advice: string) {
  const shown = JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text);
  return badUsage(`the text ${shown}`, found, expected, advice);
}

/** The bytes of a word as symbols, the last one with the end-of-word suffix. */
function symbolsOf(word: string): readonly string[] {
  const symbols = Array.from(new TextEncoder().encode(word), (byte) => byteCharacters[byte]!);
  symbols[symbols.length - 1] += endOfWord;
  return symbols;
}
