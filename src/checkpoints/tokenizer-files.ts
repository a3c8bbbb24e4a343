/** @file The tokenizer of a Hugging Face folder: its own vocabulary, or the built-in one if it has none. */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import type { Origin, Tokenizer } from '../clip/clip.ts';
import { ranksOf } from '../clip/tokenizer/byte-pairs.ts';
import { cleanLikeTransformers } from '../clip/tokenizer/cleaning.ts';
import { createTokenizer, type Vocabulary } from '../clip/tokenizer/tokenizer.ts';
import { builtInVocabulary, openClipTokenizer } from '../clip/tokenizer/vocabulary.ts';
import { badData } from '../errors.ts';
import { readJson } from '../tensor/files/json-file.ts';
import { listOf, recordOf } from '../tensor/files/json-lists.ts';
import { readSmallText } from '../tensor/files/text-file.ts';

const ids = recordOf(z.number().int().nonnegative());

/** OpenAI's file has 49,408 tokens and 2 to 4 MB, a merge per line; multilingual ones have a few times as many. */
const mostTokenizerBytes = 16 * 1024 * 1024;

/** The parts of a `tokenizer.json` in which CLIP's tokenizers differ. */
const tokenizerSchema = z.object({
  model: z.object({
    type: z.literal('BPE').default('BPE'),
    end_of_word_suffix: z.literal('</w>'),
    vocab: ids,
    merges: listOf(z.union([z.string(), z.tuple([z.string(), z.string()])])),
  }),
  added_tokens: listOf(z.object({ id: z.number().int().nonnegative(), content: z.string().min(1) })).default([]),
});

const marks = { start: '<|startoftext|>', end: '<|endoftext|>' };

export interface FoundTokenizer {
  readonly tokenizer: Tokenizer;
  readonly origin: Origin;
  /** OpenAI's, for lack of another: the number of embeddings must show whether the model was trained with it. */
  readonly isBuiltIn: boolean;
}

/** Reads `tokenizer.json`, or `vocab.json` and `merges.txt`; OpenAI's vocabulary if the folder has neither. */
export async function huggingFaceTokenizer(folder: string, context: number): Promise<FoundTokenizer> {
  const files = new Set(await readdir(folder));
  const path = (file: string) => join(folder, file);
  const create = (where: string, vocabulary: Vocabulary): FoundTokenizer => ({
    tokenizer: createTokenizer(where, vocabulary, cleanLikeTransformers, context),
    origin: { from: 'config', note: basename(where) },
    isBuiltIn: false,
  });
  if (files.has('tokenizer.json')) {
    const { model, added_tokens } = await readJson(path('tokenizer.json'), tokenizerSchema, mostTokenizerBytes);
    const merges = model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')));
    const added = new Map(added_tokens.map(({ id, content }) => [content, id]));
    return create(
      path('tokenizer.json'),
      vocabularyOf(path('tokenizer.json'), new Map([...Object.entries(model.vocab), ...added]), merges, [
        ...added.keys(),
      ]),
    );
  }
  if (files.has('vocab.json') && files.has('merges.txt')) {
    const merges = (await readSmallText(path('merges.txt'), mostTokenizerBytes)).split(/\r?\n/);
    return create(
      path('vocab.json'),
      vocabularyOf(
        path('vocab.json'),
        new Map(Object.entries(await readJson(path('vocab.json'), ids, mostTokenizerBytes))),
        merges.filter((line) => line !== '' && !line.startsWith('#version')),
        [],
      ),
    );
  }
  const { tokenizer } = create('the built-in vocabulary', await builtInVocabulary());
  return { tokenizer, origin: builtInOrigin, isBuiltIn: true };
}

/** open_clip's and OpenAI's models share one vocabulary, and come without a file for it. */
export async function builtInTokenizer(context: number): Promise<FoundTokenizer> {
  return { tokenizer: await openClipTokenizer(context), origin: builtInOrigin, isBuiltIn: true };
}

const builtInOrigin: Origin = { from: 'known', note: "OpenAI's vocabulary, built in" };

/** Most tokens that training code adds to OpenAI's, for marks and prompts. A model with more has another vocabulary. */
const mostAdded = 512;

/**
 * Compares a tokenizer with the number of the model's embeddings. Too few are no error here: the first text that needs
 * a missing one is refused.
 *
 * @param where the file that tells the number of embeddings, for errors
 */
export function besideEmbeddings(where: string, embeddings: number, found: FoundTokenizer): FoundTokenizer {
  const tokens = found.tokenizer.end + 1;
  const added = embeddings - tokens;
  if (!found.isBuiltIn || added <= 0) return found;
  if (added > mostAdded)
    throw badData(
      where,
      `embeddings of ${embeddings} tokens, and no tokenizer of its own`,
      `those of the ${tokens} tokens of OpenAI's vocabulary`,
      'its tokenizer is not in the file: give a Hugging Face folder that has its tokenizer.json',
    );
  return { ...found, origin: { from: 'assumed', note: `${builtInOrigin.note}; the model has ${added} tokens more` } };
}

function vocabularyOf(
  where: string,
  tokens: ReadonlyMap<string, number>,
  merges: readonly string[],
  added: readonly string[],
): Vocabulary {
  const start = tokens.get(marks.start);
  const end = tokens.get(marks.end);
  if (start === undefined || end === undefined)
    throw badData(where, `no token "${start === undefined ? marks.start : marks.end}"`, "CLIP's start and end marks");
  return { ranks: ranksOf(merges), ids: tokens, start, end, added };
}
