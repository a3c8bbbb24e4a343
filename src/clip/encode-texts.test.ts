import { expect, test } from 'vitest';
import { openClip } from '../checkpoints/open.ts';
import { openEngine } from '../engine/ort-engine.ts';
import { encodeTexts } from './encode-texts.ts';

test('a batch of texts of many lengths gives the embeddings of the single texts, in their order', async () => {
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const clip = await openClip('emoji-clip');
  const words = ['a', 'bb', 'ccc', 'dddd', 'eeeee', 'ffffff', 'gg'];
  const texts = Array.from({ length: 150 }, (_, i) => words.slice(0, 1 + ((i * 5) % words.length)).join(' ') + i);
  const together = await encodeTexts(engine, clip, texts);
  for (const row of [0, 1, 63, 64, 77, 149]) {
    const alone = await encodeTexts(engine, clip, [texts[row]!]);
    alone.data.forEach((value, i) => {
      expect(together.data[row * clip.config.embedding + i]).toBeCloseTo(value, 5);
    });
  }
  await engine.close();
});

test('texts with shared prefixes get the embeddings of the single texts', async () => {
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const clip = await openClip('emoji-clip');
  const names = Array.from({ length: 520 }, (_, i) => (i % 3 === 0 ? `cat ${i}` : `very old dog ${i}`));
  const texts = names.flatMap((name) => [`a photo of a ${name}.`, `the ${name}`]);
  const together = await encodeTexts(engine, clip, [...texts, 'a bird']);
  for (const row of [0, 1, 2, 3, 500, 1039, 1040]) {
    const alone = await encodeTexts(engine, clip, [texts[row] ?? 'a bird']);
    alone.data.forEach((value, i) => {
      expect(together.data[row * clip.config.embedding + i]).toBeCloseTo(value, 5);
    });
  }
  await engine.close();
}, 120_000);

test('no texts give no embeddings', async () => {
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const clip = await openClip('emoji-clip');
  expect((await encodeTexts(engine, clip, [])).shape).toEqual([0, clip.config.embedding]);
  await engine.close();
});
