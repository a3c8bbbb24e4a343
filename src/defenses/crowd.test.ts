import { expect, test } from 'vitest';
import { openClipTokenizer } from '../clip/tokenizer/vocabulary.ts';
import { plainPrompt } from '../data/classes.ts';
import { thingNames } from '../data/emoji/emoji.ts';
import { crowdOf } from './crowd.ts';

const clip = async (context = 77) => ({ tokenizer: await openClipTokenizer(context) });

test('a short class list is followed by everyday things, each name once in any spelling', async () => {
  const things = await thingNames();
  const classes = ['scroll', 'Banana', 'fire_engine'];
  const crowd = await crowdOf(await clip(), classes, [plainPrompt]);
  expect(crowd.slice(0, 3)).toEqual(classes);
  expect(crowd.slice(3)).toEqual(things.filter((name) => name !== 'banana' && name !== 'fire engine'));
});

test('a list of a hundred classes stays as it is', async () => {
  const classes = Array.from({ length: 100 }, (_, i) => `class ${i}`);
  expect(await crowdOf(await clip(), classes, [plainPrompt])).toBe(classes);
  expect((await crowdOf(await clip(), classes.slice(1), [plainPrompt])).length).toBeGreaterThan(100);
});

test('a thing whose prompt is too long for the model is left out, without an error', async () => {
  const things = await thingNames();
  const crowd = await crowdOf(await clip(8), ['cat', 'dog'], [plainPrompt]);
  // Two marks, four words, and a full stop leave room for a name of one token.
  expect(crowd.length).toBeGreaterThan(10);
  expect(crowd.length).toBeLessThan(things.length);
  expect(crowd).not.toContain('fire engine');
});
