import { expect, test } from 'vitest';
import { badData } from '../errors.ts';
import { failureOf, Unfinished } from './failure.ts';
import { Interrupted } from './interrupt.ts';

test('the command that goes on with a run can be copied, whatever its folder is called', () => {
  const { exitCode, message, error } = failureOf(new Unfinished('my runs/a', new Interrupted()));
  expect(exitCode).toBe(130);
  expect(message).toBe("antidote: stopped; go on with: antidote resume 'my runs/a'");
  expect(error.advice).toBe("antidote resume 'my runs/a'");
});

test('whatever ends a run that is kept, its own advice comes first, then how to go on', () => {
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
