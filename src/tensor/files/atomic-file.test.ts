import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { AntidoteError } from '../../errors.ts';
import { writeSafetensors } from '../safetensors.ts';
import { writeAtomically, writeFileAtomically } from './atomic-file.ts';
import { temporaryFolder } from './temporary-folder.test-support.ts';

const folder = temporaryFolder();
const isRoot = process.getuid?.() === 0;

/** Runs `use` in a new small file system, if this user may mount one; returns whether it did. */
async function withTmpfs(options: string, use: (path: string) => Promise<void>): Promise<boolean> {
  if (process.platform !== 'linux' || !isRoot) return false;
  const path = join(folder(), 'tmpfs');
  await mkdir(path, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    return false;
  }
  try {
    await use(path);
  } finally {
    execFileSync('umount', [path]);
  }
  return true;
}

test('text and bytes are written and replace an earlier file', async () => {
  const path = join(folder(), 'note.txt');
  await writeFileAtomically(path, 'erste Fassung');
  await writeFileAtomically(path, 'größer');
  expect(await readFile(path, 'utf8')).toBe('größer');
  await writeFileAtomically(path, Uint8Array.of(1, 2, 3));
  expect([...(await readFile(path))]).toEqual([1, 2, 3]);
  expect(await readdir(folder())).toEqual(['note.txt']);
});

test('a failure while writing leaves the earlier file as it was and nothing beside it', async () => {
  const path = join(folder(), 'note.txt');
  await writeFileAtomically(path, 'before');
  const half = writeAtomically(path, async (file) => {
    await file.writeFile('half of');
    throw new Error('interrupted');
  });
  await expect(half).rejects.toThrow('interrupted');
  expect(await readFile(path, 'utf8')).toBe('before');
  expect(await readdir(folder())).toEqual(['note.txt']);
});

test('the name shows the earlier file until everything is written', async () => {
  const path = join(folder(), 'note.txt');
  await writeFileAtomically(path, 'before');
  await writeAtomically(path, async (file) => {
    await file.writeFile('after');
    expect(await readFile(path, 'utf8')).toBe('before');
  });
  expect(await readFile(path, 'utf8')).toBe('after');
});

test('a full disk is one clear message, keeps the earlier file and leaves no remains', async (context) => {
  const done = await withTmpfs('size=64k', async (disk) => {
    const path = join(disk, 'model.safetensors');
    await writeFileAtomically(path, 'before');
    const tooLarge = { dtype: 'float32', shape: [100_000], data: new Float32Array(100_000) } as const;
    const error = await writeSafetensors(path, { tooLarge }).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(AntidoteError);
    expect((error as AntidoteError).message).toMatch(
      /model\.safetensors: found a full disk, expected room for the file; free space and run it again$/,
    );
    expect(await readFile(path, 'utf8')).toBe('before');
    expect(await readdir(disk)).toEqual(['model.safetensors']);
  });
  if (!done) context.skip('needs the right to mount a small file system');
});

test('a read-only file system is one clear message', async (context) => {
  const done = await withTmpfs('ro', async (disk) => {
    await expect(writeFileAtomically(join(disk, 'x'), 'x')).rejects.toThrow(/tmpfs\/x: found a read-only file system/);
  });
  if (!done) context.skip('needs the right to mount a file system');
});

test('a folder without permission is one clear message', async (context) => {
  if (process.platform === 'win32') return context.skip('needs permissions of files');
  const locked = join(folder(), 'locked');
  await mkdir(locked);
  await chmod(locked, 0o555);
  // Root may write everywhere but in the kernel's own folders.
  const path = join(isRoot ? '/sys/kernel' : locked, 'x');
  await expect(writeFileAtomically(path, 'x')).rejects.toThrow(`${path}: found no permission`);
});

test('a missing folder, a file in place of a folder and a folder in place of the file are named', async () => {
  const missing = join(folder(), 'missing', 'x');
  await expect(writeFileAtomically(missing, 'x')).rejects.toThrow(`${missing}: found no such file or folder`);
  const file = join(folder(), 'file');
  await writeFile(file, '');
  await expect(writeFileAtomically(join(file, 'x'), 'x')).rejects.toThrow('found a file where a folder should be');
  const other = join(folder(), 'folder');
  await mkdir(other);
  await expect(writeFileAtomically(other, 'x')).rejects.toThrow(`${other}: found a folder, expected a file`);
  expect((await readdir(folder())).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

test('two writers of one name do not disturb each other: one of them wins whole', async () => {
  const path = join(folder(), 'raced');
  const contents = Array.from({ length: 8 }, (_, i) => String(i).repeat(100_000));
  await Promise.all(contents.map((content) => writeFileAtomically(path, content)));
  expect(contents).toContain(await readFile(path, 'utf8'));
});
