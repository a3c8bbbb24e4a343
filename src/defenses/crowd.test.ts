import { expect, test } from 'vitest';
import type { Head } from '../clip/clip.ts';
import { openClipTokenizer } from '../clip/tokenizer/vocabulary.ts';
import { plainPrompt } from '../data/classes.ts';
import { thingNames } from '../data/emoji/emoji.ts';
import { crowdOf, withoutTwins } from './crowd.ts';

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

/** A head whose classes lie in a plane, each in a direction of so many degrees. */
function headOf(degrees: Readonly<Record<string, number>>): Head {
  const embeddings = Object.values(degrees).flatMap((angle) => {
    const radians = (angle * Math.PI) / 180;
    return [Math.cos(radians), Math.sin(radians)];
  });
  return { classes: Object.keys(degrees), embedding: 2, embeddings: Float32Array.from(embeddings), scale: 100 };
}

test('an added name that is nearer to a class of the list than any two things are to each other is left out', async () => {
  const crowd = headOf({ 'banana fruit': 0, hound: 90, banana: 10, cat: 130, fish: 150, owl: 200 });
  const kept = await withoutTwins(crowd, 2);
  expect(kept.classes).toEqual(['banana fruit', 'hound', 'cat', 'fish', 'owl']);
  expect(Array.from(kept.embeddings)).toEqual([...crowd.embeddings.subarray(0, 4), ...crowd.embeddings.subarray(6)]);
  expect(kept).toMatchObject({ embedding: 2, scale: 100 });
});

test('a single added name stays, unless it is a twin: things of the list say how near two things may be', async () => {
  const list = { cat: 0, fish: 20, owl: 90, 'banana fruit': 200 };
  expect((await withoutTwins(headOf({ ...list, banana: 230 }), 4)).classes).toContain('banana');
  expect((await withoutTwins(headOf({ ...list, banana: 210 }), 4)).classes).not.toContain('banana');
});

test('without two things to compare with, all names stay', async () => {
  const crowd = headOf({ scroll: 0, scrolls: 1, banana: 2 });
  expect((await withoutTwins(crowd, 2)).classes).toEqual(['scroll', 'scrolls', 'banana']);
});

test('a list without added names stays as it is', async () => {
  const list = { classes: ['scroll', 'scrolls'], embedding: 1, embeddings: Float32Array.of(1, 1), scale: 100 };
  expect(await withoutTwins(list, 2)).toEqual(list);
});
