import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createTokenizer } from './tokenizer.ts';
import { cleanLikeTransformers } from './tokenizer-cleaning.ts';
import { builtInVocabulary, openClipTokenizer } from './tokenizer-data.ts';

interface Expected {
  readonly text: string;
  readonly openClip: readonly number[];
  readonly transformers: readonly number[];
}

const expected = new URL('../../test/fixtures/tokenizer/expected.json', import.meta.url);
const texts = JSON.parse(readFileSync(expected, 'utf8')) as Expected[];
const vocabulary = await builtInVocabulary();
const likeOpenClip = await openClipTokenizer(77);
const likeTransformers = createTokenizer('built-in', vocabulary, cleanLikeTransformers, 77);

test("the built-in vocabulary has 49,408 tokens and CLIP's marks", () => {
  expect([vocabulary.ids.size, vocabulary.start, vocabulary.end]).toEqual([49_406, 49_406, 49_407]);
});

test.each(texts)('open_clip makes the same tokens of $text', ({ text, openClip }) => {
  expect(likeOpenClip.encode(text, 'truncate')).toEqual(openClip);
});

test.each(texts)('transformers makes the same tokens of $text', ({ text, transformers }) => {
  expect(likeTransformers.encode(text, 'truncate')).toEqual(transformers);
});

test('marks written in a text are text: it cannot end a sequence early', () => {
  expect(likeOpenClip.encode('a <end_of_text> b').slice(1, -1)).not.toContain(vocabulary.end);
  expect(likeTransformers.encode('a <|endoftext|> b').slice(1, -1)).not.toContain(vocabulary.end);
});

test('a text longer than the context is refused by default, and named', async () => {
  const tokenizer = await openClipTokenizer(8);
  expect(tokenizer.encode('one two three four five six')).toHaveLength(8);
  expect(() => tokenizer.encode('one two three four five six seven')).toThrow(
    'the text "one two three four five six seven": found 9 tokens, expected at most 8, marks included',
  );
});

test('a text of megabytes is refused before it is merged', async () => {
  const tokenizer = await openClipTokenizer(77);
  expect(() => tokenizer.encode('a'.repeat(1_000_000), 'truncate')).toThrow(/found 1000000 characters/);
});
