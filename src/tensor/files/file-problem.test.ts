import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { explainingFile, fileProblem, isAbsent, isProcessAlive, systemCode } from './file-problem.ts';

test.each([
  ['ENOSPC', 'a full disk'],
  ['EDQUOT', 'a used-up disk quota'],
])('%s becomes a message that says what to do', (code, found) => {
  const error = Object.assign(new Error(code), { code, syscall: 'write' });
  expect(fileProblem('model.bin', error)).toMatchObject({
    message: `model.bin: found ${found}, expected room for the file; free space and run it again`,
  });
});

test('only errors of the operating system are explained, others pass unchanged', async () => {
  await expect(explainingFile('model.bin', () => readFile('/nowhere/model.bin'))).rejects.toMatchObject({
    fault: 'data',
    message: 'model.bin: found no such file or folder, expected a path that exists',
    cause: expect.objectContaining({ code: 'ENOENT' }),
  });
  const ours = Object.assign(new Error('not a system call'), { code: 'ENOENT' });
  await expect(explainingFile('model.bin', () => Promise.reject(ours))).rejects.toBe(ours);
  expect(systemCode(ours)).toBeUndefined();
  expect(isAbsent(ours)).toBe(false);
});

test('this process is alive, one that has ended is not', () => {
  expect(isProcessAlive(process.pid)).toBe(true);
  expect(isProcessAlive(spawnSync(process.execPath, ['--version']).pid)).toBe(false);
});
