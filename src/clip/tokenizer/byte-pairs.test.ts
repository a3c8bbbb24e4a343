import { expect, test } from 'vitest';
import { randomFor } from '../../tensor/random.ts';
import { mergePairs, type Ranks, ranksOf } from './byte-pairs.ts';

/** The definition, as OpenAI's `simple_tokenizer.py` has it: the whole word is searched for each merge. */
function bySearch(parts: readonly string[], ranks: Ranks): readonly string[] {
  let symbols = parts;
  for (;;) {
    const keys = symbols.slice(1).map((symbol, i) => `${symbols[i]} ${symbol}`);
    const best = Math.min(...keys.map((key) => ranks.get(key) ?? Number.POSITIVE_INFINITY));
    const pair = keys.find((key) => ranks.get(key) === best);
    if (pair === undefined) return symbols;
    const joined: string[] = [];
    for (let i = 0; i < symbols.length; i++) joined.push(keys[i] === pair ? symbols[i]! + symbols[++i]! : symbols[i]!);
    symbols = joined;
  }
}

test('every occurrence of the strongest pair is joined from left to right, then of the next', () => {
  expect(mergePairs([...'aaaab'], ranksOf(['a a', 'aa b', 'aa aa']))).toEqual(['aa', 'aab']);
  expect(mergePairs([...'aaa'], ranksOf(['a a']))).toEqual(['aa', 'a']);
  // A pair that only now exists may be stronger than the one at work: it waits until that is done everywhere.
  expect(mergePairs([...'abcabc'], ranksOf(['ab c', 'a b']))).toEqual(['abc', 'abc']);
  expect(mergePairs(['a'], ranksOf(['a a']))).toEqual(['a']);
});

test('random words and merges give the result of a search of the whole word for each merge', () => {
  for (let seed = 0; seed < 500; seed++) {
    const random = randomFor(seed, 'byte-pairs');
    const text = (most: number) =>
      Array.from({ length: 1 + random.integer(most) }, () => 'abc'[random.integer(3)]!).join('');
    const merges = Array.from({ length: 40 }, () => `${text(3)} ${text(3)}`);
    const word = [...text(60)];
    expect(mergePairs(word, ranksOf(merges)), `seed ${seed}`).toEqual(bySearch(word, ranksOf(merges)));
  }
});
