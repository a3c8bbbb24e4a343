import { copyFile, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { besideEmbeddings, builtInTokenizer, huggingFaceTokenizer } from './tokenizer-files.ts';

const fixtures = fileURLToPath(new URL('../../test/fixtures/', import.meta.url));
const folder = join(fixtures, 'clip/hugging-face-quick-gelu');

interface Expected {
  readonly text: string;
  readonly transformers: readonly number[];
  readonly small: readonly number[];
}

const texts = JSON.parse(await readFile(join(fixtures, 'tokenizer/expected.json'), 'utf8')) as Expected[];

test("a folder's own vocabulary is used, numbers and all", async () => {
  const { tokenizer } = await huggingFaceTokenizer(folder, 64);
  for (const { text, small } of texts) expect(tokenizer.encode(text, 'truncate'), text).toEqual(small);
});

test('vocab.json and merges.txt give the same tokens as tokenizer.json', async () => {
  const { model, added_tokens } = JSON.parse(await readFile(join(folder, 'tokenizer.json'), 'utf8'));
  const older = await mkdtemp(join(tmpdir(), 'antidote-'));
  for (const { content, id } of added_tokens) model.vocab[content] = id;
  await writeFile(join(older, 'vocab.json'), JSON.stringify(model.vocab));
  const merges = model.merges.map((pair: string | string[]) => (typeof pair === 'string' ? pair : pair.join(' ')));
  await writeFile(join(older, 'merges.txt'), `#version: 0.2\n${merges.join('\n')}\n`);
  const { tokenizer } = await huggingFaceTokenizer(older, 64);
  for (const { text, small } of texts) expect(tokenizer.encode(text, 'truncate'), text).toEqual(small);
});

test("a folder without a vocabulary gets OpenAI's, cleaned as transformers does", async () => {
  const bare = await mkdtemp(join(tmpdir(), 'antidote-'));
  await copyFile(join(folder, 'config.json'), join(bare, 'config.json'));
  const { tokenizer } = await huggingFaceTokenizer(bare, 77);
  for (const { text, transformers } of texts) expect(tokenizer.encode(text, 'truncate'), text).toEqual(transformers);
});

test('a vocabulary that lacks a byte is refused: some text would have no tokens', async () => {
  const broken = await mkdtemp(join(tmpdir(), 'antidote-'));
  const tokenizer = JSON.parse(await readFile(join(folder, 'tokenizer.json'), 'utf8'));
  delete tokenizer.model.vocab.q;
  await writeFile(join(broken, 'tokenizer.json'), JSON.stringify(tokenizer));
  await expect(huggingFaceTokenizer(broken, 77)).rejects.toThrow(/tokenizer\.json: found no token for the byte "q"/);
});

test('merges that are wrong throughout are refused by the first', async () => {
  const broken = await mkdtemp(join(tmpdir(), 'antidote-'));
  const tokenizer = JSON.parse(await readFile(join(folder, 'tokenizer.json'), 'utf8'));
  tokenizer.model.merges = Array(300_000).fill(0);
  await writeFile(join(broken, 'tokenizer.json'), JSON.stringify(tokenizer));
  await expect(huggingFaceTokenizer(broken, 77)).rejects.toThrow(
    /tokenizer\.json: model\.merges\.0: found 0, expected string, or tuple/,
  );
});

test("OpenAI's vocabulary is known for a model of its size or less, and assumed if some tokens were added", async () => {
  const found = await builtInTokenizer(77);
  for (const embeddings of [600, 49_408])
    expect(besideEmbeddings('x.pt', embeddings, found).origin).toEqual({
      from: 'known',
      note: "OpenAI's vocabulary, built in",
    });
  expect(besideEmbeddings('x.pt', 49_500, found).origin).toEqual({
    from: 'assumed',
    note: "OpenAI's vocabulary, built in; the model has 92 tokens more",
  });
});

test("a vocabulary far larger than OpenAI's, without its tokenizer, is refused", async () => {
  const found = await builtInTokenizer(77);
  expect(() => besideEmbeddings('x.pt', 901_629, found)).toThrow(
    /^x\.pt: found embeddings of 901629 tokens, .* expected those of the 49408 tokens .* not in the file/,
  );
  const own = await huggingFaceTokenizer(folder, 64);
  expect(besideEmbeddings('config.json', 901_629, own)).toBe(own);
  const bare = await huggingFaceTokenizer(await mkdtemp(join(tmpdir(), 'antidote-')), 77);
  expect(() => besideEmbeddings('config.json', 901_629, bare)).toThrow(/^config\.json: found embeddings of 901629/);
});
