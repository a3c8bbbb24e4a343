import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

test('the README names every file of this folder but the tests', async () => {
  const files = await readdir(import.meta.dirname);
  const readme = await readFile(`${import.meta.dirname}/README.md`, 'utf8');
  const sources = files.filter((file) => file.endsWith('.ts') && !/test/.test(file));
  expect(sources.filter((file) => !readme.includes(`\`${file}\``))).toEqual([]);
});
