import { expect, test } from 'vitest';
import { randomFor } from '../tensor/random.ts';
import { addedWords, augmentCaption } from './augment-captions.ts';
import { captionTemplates } from './emoji/captions.ts';

const many = (caption: string, count = 200) =>
  Array.from({ length: count }, (_, i) => augmentCaption(caption, randomFor(i, 'caption')));

test('a caption keeps nearly all its words, and all four operations happen', () => {
  const caption = 'a photo of a red apple';
  const words = caption.split(' ');
  const results = many(caption).map((result) => result.split(' '));
  const kept = results.map((result) => result.filter((word) => words.includes(word)).length);
  expect(kept.reduce((sum, count) => sum + count, 0) / kept.length).toBeGreaterThan(words.length - 1);
  const sorted = (list: readonly string[]) => [...list].sort().join(' ');
  expect(results.some((result) => result.length > words.length)).toBe(true);
  expect(results.some((result) => result.length < words.length)).toBe(true);
  expect(results.some((result) => result.join(' ') !== caption && sorted(result) === sorted(words))).toBe(true);
  expect(results.some((result) => result.includes('picture') && result.length === words.length)).toBe(true);
});

test('only listed words are brought in, so that a vocabulary can be known beforehand', () => {
  const known = new Set([...addedWords, ...captionTemplates.flatMap((template) => template.split(' ')), 'banana']);
  for (const template of captionTemplates) {
    for (const result of many(template.replace('{}', 'banana'), 30)) {
      for (const word of result.split(' ')) expect(known.has(word), word).toBe(true);
    }
  }
});

test('a caption never becomes empty, and repeats with its seed', () => {
  for (const result of many('banana')) expect(result.trim()).not.toBe('');
  expect(many('a drawing of a dog')).toEqual(many('a drawing of a dog'));
});

test('a word that objects have by birth is no synonym table entry', () => {
  for (const result of many('constructor toString')) expect(result).toMatch(/constructor|toString/);
});
