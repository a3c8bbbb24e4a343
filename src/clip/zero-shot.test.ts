import { expect, test } from 'vitest';
import type { Engine } from '../engine/engine.ts';
import type { Clip } from './clip.ts';
import { fillTemplate, zeroShotHead } from './zero-shot.ts';

test('a class name is put into its template literally, dollar signs included', () => {
  const name = "A$AP $& $' $$";
  expect(fillTemplate('a photo of {}, the {}.', name)).toBe(`a photo of ${name}, the ${name}.`);
});

test.each([
  [[], 'found none, expected at least one, each with {}'],
  [['a photo of a {}.', 'a photo'], 'found "a photo", expected'],
])('templates %j, which leave classes alike, are refused', async (templates, message) => {
  const nothing = {} as Engine & Clip;
  await expect(zeroShotHead(nothing, nothing, ['cat', 'dog'], templates)).rejects.toThrow(message);
});
