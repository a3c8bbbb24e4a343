import { expect, test } from 'vitest';
import { fillTemplate } from './zero-shot.ts';

test('a class name stands in its template as it is, dollar signs and all', () => {
  const name = "A$AP $& $' $$";
  expect(fillTemplate('a photo of {}, the {}.', name)).toBe(`a photo of ${name}, the ${name}.`);
});
