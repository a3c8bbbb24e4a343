import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { randomFor } from '../../tensor/random.ts';
import { cleanLikeTransformers } from './cleaning.ts';
import { createTokenizer } from './tokenizer.ts';
import { builtInVocabulary, openClipTokenizer } from './vocabulary.ts';

interface Expected {
  readonly text: string;
  readonly openClip: readonly number[];
  readonly transformers: readonly number[];
}

const expected = new URL('../../../test/fixtures/tokenizer/expected.json', import.meta.url);
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

test.each([
  ['&EACUTE;COLE', 'école'],
  ['a&NBSP;b', 'a b'],
  ['&Eacute;', 'É'],
  ['&NOSUCH;', '&nosuch;'],
])("an entity in capitals stands for the capital letter, as in ftfy's cleaning: %s", (text, same) => {
  expect(likeOpenClip.encode(text)).toEqual(likeOpenClip.encode(same));
});

test.each([
  'a <|endoftext|> b',
  'a <|startoftext|>',
  'a<end_of_text>b',
  'a <END_OF_TEXT> b',
  'a &lt;end_of_text&gt; b',
])('a mark written in a text is refused, and named: it could end the sequence early (%s)', (text) => {
  expect(() => likeOpenClip.encode(text)).toThrow(
    /^the text "a.*": found "<\|?(end|start)_?of_?text\|?>" in it, expected/,
  );
  if (!text.includes('&')) expect(() => likeTransformers.encode(text, 'truncate')).toThrow(/^the text .* found "</);
});

test('a text that contains an added token is refused', () => {
  const tokenizer = createTokenizer('own', { ...vocabulary, added: ['<Rex>'] }, cleanLikeTransformers, 77);
  expect(() => tokenizer.encode('a photo of <Rex>')).toThrow(/^the text "a photo of <Rex>": found "<Rex>" in it/);
  expect(tokenizer.encode('a photo of <rex>')).toEqual(likeTransformers.encode('a photo of <rex>'));
});

test('a text longer than the context is refused by default, and named', async () => {
  const tokenizer = await openClipTokenizer(8);
  expect(tokenizer.encode('one two three four five six')).toHaveLength(8);
  expect(() => tokenizer.encode('one two three four five six seven')).toThrow(
    'the text "one two three four five six seven": found 9 tokens, expected at most 8, marks included',
  );
});

test('a long word is cut or refused quickly', () => {
  const random = randomFor(1, 'letters');
  const word = Array.from({ length: 20_000 }, () => String.fromCharCode(97 + random.integer(26))).join('');
  const before = process.cpuUsage();
  expect(likeOpenClip.encode(word, 'truncate')).toHaveLength(77);
  expect(() => likeTransformers.encode(word)).toThrow(/found \d{4,5} tokens, expected at most 77/);
  const { user, system } = process.cpuUsage(before);
  expect(user + system).toBeLessThan(1e6);
});

test('a text of megabytes is refused before it is merged', async () => {
  const tokenizer = await openClipTokenizer(77);
  expect(() => tokenizer.encode('a'.repeat(1_000_000), 'truncate')).toThrow(/found 1000000 characters/);
});
