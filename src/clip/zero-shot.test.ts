import { expect, test } from 'vitest';
import { fillTemplate } from './zero-shot.ts';

test('a class name is put into its template literally, dollar signs included', () => {
  const name = "A$AP $& $' $$";
  expect(fillTemplate('a photo of {}, the {}.', name)).toBe(`a photo of ${name}, the ${name}.`);
});
