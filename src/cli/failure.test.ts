import { expect, test } from 'vitest';
import { failureOf } from './failure.ts';
import { Interrupted } from './interrupt.ts';

test('the command that goes on with a run can be copied, whatever its folder is called', () => {
  const { exitCode, message, error } = failureOf(new Interrupted('my runs/a'));
  expect(exitCode).toBe(130);
  expect(message).toBe("antidote: stopped; go on with: antidote resume 'my runs/a'");
  expect(error.advice).toBe("antidote resume 'my runs/a'");
});
