import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { shellWord } from './shell-word.ts';

test('a shell reads every word back as it was', () => {
  const words = ['runs/purify-20261122-134005', 'my runs/a', "the user's", '$HOME', '`date`', 'a"b', 'a\\b', '*', ''];
  for (const word of words) {
    const read = execFileSync('sh', ['-c', `printf %s ${shellWord(word, false)}`], { encoding: 'utf8' });
    expect(read).toBe(word);
  }
});

test('words that need no quotes have none', () => {
  expect(shellWord('redis://host:6379/0', false)).toBe('redis://host:6379/0');
  expect(shellWord('runs/a-2', false)).toBe('runs/a-2');
});

test('Windows paths keep their backslashes, and get double quotes', () => {
  expect(shellWord('C:\\runs\\a', true)).toBe('C:\\runs\\a');
  expect(shellWord('C:\\my runs\\a', true)).toBe('"C:\\my runs\\a"');
});
