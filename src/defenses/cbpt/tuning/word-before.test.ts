import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openClip } from '../../../checkpoints/open.ts';
import { paddedTokens } from '../../../clip/encode-texts.ts';
import { loadParameters } from '../../../clip/load.ts';
import { withWord, zeroShotHead } from '../../../clip/zero-shot.ts';
import { openEngine } from '../../../engine/ort-engine.ts';
import { float32, rowsAt } from '../../../tensor/tensor.ts';
import { headWithWord } from './word-before.ts';

test('untuned prompts with a word before them give the head of hand-written prompts with that word', async () => {
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const clip = await openClip(
    fileURLToPath(new URL('../../../../test/fixtures/clip/hugging-face-quick-gelu', import.meta.url)),
  );
  const classes = ['cat', 'red', 'dog'];
  const template = 'a {}.';
  const plain = await zeroShotHead(engine, clip, classes, [template]);
  const encoded = classes.map((name) => clip.tokenizer.encode(template.replace('{}', name)));
  const { ids } = paddedTokens(encoded, Math.max(...encoded.map((tokens) => tokens.length)));
  const table = (await loadParameters(clip.parameters))['token_embedding.weight']!;
  const words = rowsAt(
    table,
    classes.flatMap(() => clip.tokenizer.encode('a').slice(1, -1)),
  );
  const contexts = float32(words.data, [classes.length, 1, words.shape[1]!]);
  const withThe = await headWithWord(engine, clip, { contexts, ids }, plain, 'the');
  const written = await zeroShotHead(engine, clip, classes, [withWord('the', template)]);
  const tooMuch = headWithWord(engine, clip, { contexts, ids }, plain, 'disestablishmentarian');
  await expect(tooMuch).rejects.toThrow(/tokens with "disest.*before them, expected at most 16/);
  await engine.close();
  const apart = (a: Float32Array, b: Float32Array) => Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));
  expect(withThe).toMatchObject({ classes, scale: plain.scale, embedding: plain.embedding });
  expect(apart(withThe.embeddings, written.embeddings)).toBeLessThan(1e-5);
  expect(apart(withThe.embeddings, plain.embeddings)).toBeGreaterThan(1e-3);
});
