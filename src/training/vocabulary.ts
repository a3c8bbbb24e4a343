/** @file The tokens that some texts use, so that training leaves the rest of the vocabulary out. */
import type { Tokenizer } from '../clip/clip.ts';
import { float32, int64, rowsAt, type Tensor } from '../tensor/tensor.ts';

/** Tokens in use, numbered 0, 1, ... in the order of `tokens` during training. */
export interface UsedTokens {
  /** Ids of the whole vocabulary, ascending. The end mark is the largest, as in the whole vocabulary. */
  readonly tokens: readonly number[];
  readonly numberOf: ReadonlyMap<number, number>;
}

/** Tokens of all texts, and the marks around them. */
export function usedTokens(texts: Iterable<string>, tokenizer: Tokenizer): UsedTokens {
  const found = new Set([tokenizer.start, tokenizer.end]);
  for (const text of texts) for (const token of tokenizer.encode(text)) found.add(token);
  const tokens = [...found].sort((a, b) => a - b);
  return { tokens, numberOf: new Map(tokens.map((token, number) => [token, number])) };
}

/** The rows of the used tokens, [vocabulary, width] to [used, width]. */
export function pickRows(table: Tensor<'float32'>, { tokens }: UsedTokens): Tensor<'float32'> {
  return rowsAt(table, tokens);
}

/** A table of all tokens with zeros for the unused ones, which compress to almost nothing. */
export function spreadRows(rows: Tensor<'float32'>, used: UsedTokens, vocabulary: number): Tensor<'float32'> {
  const width = rows.shape[1]!;
  return replaceRows(float32(new Float32Array(vocabulary * width), [vocabulary, width]), rows, used);
}

/** A table with the rows of the used tokens replaced; all others are unchanged. */
export function replaceRows(
  table: Tensor<'float32'>,
  rows: Tensor<'float32'>,
  { tokens }: UsedTokens,
): Tensor<'float32'> {
  const width = rows.shape[1]!;
  const data = table.data.slice();
  tokens.forEach((token, row) => {
    data.set(rows.data.subarray(row * width, (row + 1) * width), token * width);
  });
  return float32(data, table.shape);
}

/** Captions as numbers of used tokens, all of one length: cut with the end mark kept, or filled up with zeros. */
export function encodeCaptions(
  captions: readonly string[],
  tokenizer: Tokenizer,
  { numberOf }: UsedTokens,
  length: number,
): { ids: Tensor<'int64'>; ends: Tensor<'int64'> } {
  const ids = new BigInt64Array(captions.length * length);
  const ends = captions.map((caption, row) => {
    const tokens = tokenizer.encode(caption, 'truncate');
    const kept = tokens.length > length ? [...tokens.slice(0, length - 1), tokenizer.end] : tokens;
    kept.forEach((token, position) => {
      ids[row * length + position] = BigInt(numberOf.get(token)!);
    });
    return kept.length - 1;
  });
  return { ids: { dtype: 'int64', shape: [captions.length, length], data: ids }, ends: int64(ends, [captions.length]) };
}
