import { expect, test } from 'vitest';
import { openClipTokenizer } from '../clip/tokenizer/vocabulary.ts';
import { randomFor } from '../tensor/random.ts';
import { float32 } from '../tensor/tensor.ts';
import { encodeCaptions, pickRows, replaceRows, spreadRows, usedTokens } from './vocabulary.ts';

test('spread rows are at their tokens, and all others are zero', async () => {
  const tokenizer = await openClipTokenizer(77);
  const used = usedTokens(['a red apple', 'banana'], tokenizer);
  const random = randomFor(3, 'table');
  const table = float32(
    Float32Array.from({ length: 49_408 * 2 }, () => random.normal()),
    [49_408, 2],
  );
  const spread = spreadRows(pickRows(table, used), used, 49_408);
  let kept = 0;
  for (let token = 0; token < 49_408; token++) {
    const row = spread.data.subarray(2 * token, 2 * token + 2);
    if (used.numberOf.has(token)) {
      expect(row).toEqual(table.data.subarray(2 * token, 2 * token + 2));
      kept++;
    } else if (row[0] !== 0 || row[1] !== 0) expect.fail(`row ${token} is not zero`);
  }
  expect(kept).toBe(used.tokens.length);
});

test('trained rows replace those of their tokens, and every other row is unchanged', async () => {
  const tokenizer = await openClipTokenizer(77);
  const used = usedTokens(['banana'], tokenizer);
  const table = float32(
    Float32Array.from({ length: 49_408 }, (_, token) => token),
    [49_408, 1],
  );
  const trained = float32(new Float32Array(used.tokens.length).fill(-1), [used.tokens.length, 1]);
  const changed = replaceRows(table, trained, used).data;
  expect(used.tokens.map((token) => changed[token])).toEqual(used.tokens.map(() => -1));
  expect(changed.reduce((count, value, token) => count + (value === token ? 0 : 1), 0)).toBe(used.tokens.length);
  expect(table.data[used.tokens[0]!]).toBe(used.tokens[0]);
});

test('captions are numbered among the used tokens, and a long one keeps its end mark', async () => {
  const tokenizer = await openClipTokenizer(77);
  const used = usedTokens(['a photo of a banana on a red apple'], tokenizer);
  const { ids, ends } = encodeCaptions(['a banana', 'a photo of a banana on a red apple'], tokenizer, used, 6);
  const end = used.numberOf.get(tokenizer.end)!;
  expect(ids.shape).toEqual([2, 6]);
  expect(Array.from(ends.data, Number)).toEqual([3, 5]);
  expect(Number(ids.data[3])).toBe(end);
  expect(Number(ids.data[11])).toBe(end);
  // The end mark has the largest number, as the tokenizers of all CLIPs have it.
  expect(end).toBe(used.tokens.length - 1);
});
