import { expect, test } from 'vitest';
import { fileProblem } from './file-problem.ts';

test.each([
  ['ENOSPC', 'a full disk'],
  ['EDQUOT', 'a used-up disk quota'],
])('%s says what to do, and nothing of what was left: that is for whoever wrote to say', (code, found) => {
  const error = Object.assign(new Error(code), { code, syscall: 'write' });
  expect(fileProblem('model.bin', error)).toMatchObject({
    message: `model.bin: found ${found}, expected room for the file; free space and run it again`,
  });
});
