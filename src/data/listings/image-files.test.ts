/** @file Sets of picture files: their hash, and files that cannot be read. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { sha256 } from '../../tensor/sha256.ts';
import { openPictureSet } from '../open.ts';
import { config, testFiles } from '../picture-files.test-support.ts';

const { folderOf } = testFiles();

test('the hash depends on the content of the files, not on their time or folder', async () => {
  const one = await folderOf('hash-1', { 'a/1.png': 10, 'b/1.png': 20 });
  const two = await folderOf('hash-2', { 'a/1.png': 10, 'b/1.png': 20 });
  const three = await folderOf('hash-3', { 'a/1.png': 10, 'b/1.png': 21 });
  const hashes = await Promise.all([one, two, three].map(async (f) => (await openPictureSet(f, { config })).hash));
  expect(hashes[0]).toBe(hashes[1]);
  expect(hashes[0]).not.toBe(hashes[2]);
});

test('the hash, computed piece by piece, is that of the whole JSON text: hashes of earlier runs stay valid', async () => {
  const folder = await folderOf('hash-text', { 'a/1.png': 10, 'b/1.png': 20, 'b/2.png': 30 });
  const files = ['a/1.png', 'b/1.png', 'b/2.png'];
  const contents = await Promise.all(files.map(async (file) => sha256(await readFile(join(folder, file)))));
  const text = JSON.stringify([1, 8, 'shortest', 'bicubic', ['a', 'b'], [0, 1, 1], contents]);
  expect((await openPictureSet(folder, { config })).hash).toBe(sha256(text));
});

test('another crop centre gives another hash', async () => {
  const folder = await folderOf('hash-centre', { 'a/1.png': 10, 'b/1.png': 20 });
  const preprocessing = { ...config.preprocessing, centre: 'transformers' as const };
  const other = await openPictureSet(folder, { config: { ...config, preprocessing } });
  expect(other.hash).not.toBe((await openPictureSet(folder, { config })).hash);
});

test('reading a file that is not a picture throws an error with its path', async () => {
  const folder = await folderOf('broken', { 'a/1.png': 10, 'b/1.png': 20 });
  await writeFile(join(folder, 'b', '1.png'), 'GIF99 or so');
  const set = await openPictureSet(folder, { config });
  await expect(set.read([0, 1])).rejects.toThrow(/broken\/b\/1.png/);
});

test('a picture in an unsupported format is refused with its path when it is read, not skipped', async () => {
  const folder = await folderOf('formats', { 'a/1.png': 10, 'b/1.png': 20 });
  const tiff = await sharp(join(folder, 'b', '1.png'))
    .tiff()
    .toBuffer();
  await writeFile(join(folder, 'b', '2.TIF'), tiff);
  await writeFile(join(folder, 'b', '3.bmp'), 'BM and so on');
  const set = await openPictureSet(folder, { config });
  expect([...set.labels]).toEqual([0, 1, 1, 1]);
  await expect(set.read([2])).rejects.toThrow(/2\.TIF: found tiff data, expected .*; convert it to PNG first/);
  await expect(set.read([3])).rejects.toThrow(/3\.bmp: found .*to PNG first/);
});
