import { expect, test } from 'vitest';
import { badData } from './errors.ts';

test('an error names all four parts in one sentence', () => {
  expect(badData('a.json', 'a list', 'an object', 'see b').message).toBe(
    'a.json: found a list, expected an object; see b',
  );
});

test('what a file holds is quoted no further than anyone reads', () => {
  const error = badData('a.yaml', 'x'.repeat(500_000), 'a name');
  expect(error.message).toBe(`a.yaml: found ${'x'.repeat(500)}... (500000 characters), expected a name`);
  expect(error.found.length).toBeLessThan(600);
});
