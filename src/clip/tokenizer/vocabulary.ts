/** @file The built-in vocabulary and character names, and the tokenizer made of them. */
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Tokenizer } from '../clip.ts';
import { cleanLikeOpenClip } from './cleaning.ts';
import { createTokenizer, openAiVocabulary, type Vocabulary } from './tokenizer.ts';

const folder = new URL('../../../data/clip/', import.meta.url);

/** OpenAI's 49,408 tokens. */
export async function builtInVocabulary(): Promise<Vocabulary> {
  const packed = await readFile(new URL('bpe_simple_vocab_16e6.txt.gz', folder));
  return openAiVocabulary((await promisify(gunzip)(packed)).toString('utf8'));
}

/** The tokenizer of OpenAI's and open_clip's models. */
export async function openClipTokenizer(context: number): Promise<Tokenizer> {
  const names = JSON.parse(await readFile(new URL('html-entities.json', folder), 'utf8')) as Record<string, string>;
  const clean = cleanLikeOpenClip(new Map(Object.entries(names)));
  return createTokenizer('the built-in vocabulary', await builtInVocabulary(), clean, context);
}
