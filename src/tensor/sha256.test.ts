import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from './files/temporary-folder.test-support.ts';
import { sha256, sha256OfFile } from './sha256.ts';

const folder = temporaryFolder();

test('hashes agree with the published ones of the empty text and of "abc"', () => {
  expect(sha256('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  expect(sha256(Uint8Array.of(97, 98, 99))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

test('a file has the hash of its bytes, also when it is read in pieces', async () => {
  const path = join(folder(), 'large');
  const bytes = new Uint8Array((1 << 20) * 2 + 17).map((_, i) => i * 31);
  await writeFile(path, bytes);
  expect(await sha256OfFile(path)).toBe(sha256(bytes));
});

test('a file that cannot be read is named', async () => {
  const path = join(folder(), 'missing');
  await expect(sha256OfFile(path)).rejects.toThrow(`${path}: found no such file`);
  await expect(sha256OfFile(folder())).rejects.toThrow('found a folder');
});

test('a device, which may be endless, and a pipe, which may stay silent, are refused', async (context) => {
  if (process.platform === 'win32') return context.skip('needs named pipes');
  await expect(sha256OfFile('/dev/zero')).rejects.toThrow('/dev/zero: found a device or pipe, expected a file');
  const pipe = join(folder(), 'pipe');
  execFileSync('mkfifo', [pipe]);
  await expect(sha256OfFile(pipe)).rejects.toThrow(`${pipe}: found a device or pipe`);
});
