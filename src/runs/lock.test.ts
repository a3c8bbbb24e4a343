/** @file Locks on a file system without links: `link` fails as it does on exFAT, which no test machine has. */
import { mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { lockName, lockRun } from './lock.ts';

vi.mock('node:fs/promises', async (importActual) => ({
  ...(await importActual<typeof import('node:fs/promises')>()),
  link: async () => {
    throw Object.assign(new Error('operation not permitted'), { code: 'EPERM', syscall: 'link' });
  },
}));

const folder = temporaryFolder();
const newRun = () => mkdtemp(join(folder(), 'run-'));

test('locking and unlocking a run leaves no file behind', async () => {
  const directory = await newRun();
  const unlock = await lockRun(directory);
  expect(await readdir(directory)).toEqual([lockName]);
  await expect(lockRun(directory)).rejects.toThrow(`process ${process.pid} is writing`);
  await unlock();
  expect(await readdir(directory)).toEqual([]);
});

test('the lock of a dead process is taken over', async () => {
  const directory = await newRun();
  const gone = { host: hostname(), process: process.pid, born: 'earlier', nonce: '0' };
  await writeFile(join(directory, lockName), JSON.stringify(gone));
  const unlock = await lockRun(directory);
  await unlock();
  expect(await readdir(directory)).toEqual([]);
});

test('a lock that is still being written is not taken over', async () => {
  const directory = await newRun();
  const path = join(directory, lockName);
  await writeFile(path, '{"host":');
  const rival = lockRun(directory);
  const holder = { host: 'elsewhere', process: 1, born: '', nonce: '0' };
  await writeFile(path, JSON.stringify(holder));
  await expect(rival).rejects.toThrow('on host elsewhere');
});
