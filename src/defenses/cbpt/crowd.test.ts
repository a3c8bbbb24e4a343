import { expect, test } from 'vitest';
import { openClipTokenizer } from '../../clip/tokenizer/vocabulary.ts';
import { plainPrompt } from '../../data/classes.ts';
import { thingNames } from '../../data/emoji/emoji.ts';
import { crowdOf } from './crowd.ts';

const clip = async (context = 77) => ({ tokenizer: await openClipTokenizer(context) });

test('behind few classes stand everyday things, each name once, however it is written', async () => {
  const things = await thingNames();
  const classes = ['scroll', 'Banana', 'fire_engine'];
  const crowd = await crowdOf(await clip(), classes, [plainPrompt]);
  expect(crowd.slice(0, 3)).toEqual(classes);
  expect(crowd.slice(3)).toEqual(things.filter((name) => name !== 'banana' && name !== 'fire engine'));
});

test('many classes are crowd enough', async () => {
  const classes = Array.from({ length: 100 }, (_, i) => `class ${i}`);
  expect(await crowdOf(await clip(), classes, [plainPrompt])).toBe(classes);
  expect((await crowdOf(await clip(), classes.slice(1), [plainPrompt])).length).toBeGreaterThan(100);
});

test('a thing whose prompt is longer than the model can read stays away, and is no reason to refuse the classes', async () => {
  const things = await thingNames();
  const crowd = await crowdOf(await clip(8), ['cat', 'dog'], [plainPrompt]);
  // Two marks, four words, and a full stop leave room for a name of one token.
  expect(crowd.length).toBeGreaterThan(10);
  expect(crowd.length).toBeLessThan(things.length);
  expect(crowd).not.toContain('fire engine');
});
