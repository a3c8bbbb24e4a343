import { expect, test } from 'vitest';
import { badData } from '../errors.ts';
import { PinnedInputError } from '../runs/run.ts';
import { failureOf, Unfinished } from './failure.ts';
import { Interrupted } from './interrupt.ts';

test('the resume command can be copied, with the name of the folder quoted', () => {
  const { exitCode, message, error } = failureOf(new Unfinished('my runs/a', new Interrupted()));
  expect(exitCode).toBe(130);
  expect(message).toBe("antidote: stopped; go on with: antidote resume 'my runs/a'");
  expect(error.advice).toBe("antidote resume 'my runs/a'");
});

test('an error of a kept run shows its own advice first, then the resume command', () => {
  const full = badData('head.safetensors', 'a full disk', 'room for the file', 'free space');
  expect(failureOf(new Unfinished('runs/a', full))).toEqual({
    exitCode: 65,
    message:
      'antidote: head.safetensors: found a full disk, expected room for the file; free space; go on with: antidote resume runs/a',
    error: {
      where: 'head.safetensors',
      found: 'a full disk',
      expected: 'room for the file',
      advice: 'free space; go on with: antidote resume runs/a',
    },
  });
  expect(failureOf(new Unfinished('runs/a', new TypeError('odd'))).message).toMatch(
    /\ngo on with: antidote resume runs\/a$/,
  );
});

test('a run whose input has to change is not offered to go on', () => {
  const details = { fault: 'data', where: 'cat/1.png', found: 'a broken picture', expected: 'a whole one' } as const;
  const broken = new PinnedInputError({ ...details, advice: 'mend it, and begin a new run' });
  expect(failureOf(new Unfinished('runs/a', broken)).message).toBe(
    'antidote: cat/1.png: found a broken picture, expected a whole one; mend it, and begin a new run; what was computed is kept in runs/a',
  );
});
