import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { expected, imagePath, stored } from '../../../test/fixtures/preprocess/read.ts';
import { decodeImage, imageLimits } from './decode.ts';

const refused = ['rgb.avif', 'rgb.tiff'];

test.each(expected.decode.filter(({ file }) => !refused.includes(file)))(
  '$file ($mode) decodes to the bytes Pillow gives',
  async ({ file, rgb }) => {
    expect(await decodeImage(imagePath(file))).toEqual(stored(rgb));
  },
);

test('bytes and path give the same picture', async () => {
  const path = imagePath('rgb.jpg');
  expect(await decodeImage(await readFile(path))).toEqual(await decodeImage(path));
});

test.each(refused)('%s, whose pixels may differ from those of Pillow, is refused by name', async (file) => {
  await expect(decodeImage(imagePath(file))).rejects.toThrow(/found (heif|tiff) data, expected a JPEG, PNG/);
});

test('an SVG, which may read other files, is refused by its first bytes and never parsed', async () => {
  const svg = (inner: string) => `<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4">${inner}</svg>`;
  await expect(decodeImage(Buffer.from(svg('')), 'a.svg')).rejects.toThrow(/a\.svg: found svg or html data/);
  const before = process.cpuUsage();
  await expect(decodeImage(Buffer.from(svg('<g/>'.repeat(900_000))), 'a.jpg')).rejects.toThrow(/a\.jpg: found svg/);
  const declared = Buffer.from(`<?xml version="1.0"?>${svg('')}`);
  await expect(decodeImage(declared, 'a.jpg')).rejects.toThrow(/a\.jpg: found svg/);
  const { user, system } = process.cpuUsage(before);
  expect(user + system).toBeLessThan(1e6);
});

test.each(['RIFF0000WEBP', 'GIF89a'])(
  'an SVG behind the first bytes of another format, %s, is a damaged picture',
  async (mark) => {
    const disguised = Buffer.from(`${mark}            <svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>`);
    await expect(decodeImage(disguised, 'a.webp')).rejects.toThrow(/a\.webp: found a damaged (webp|gif) picture/);
  },
);

test.each([
  ['text', Buffer.from('this is no picture'), /notes\.png: found no picture in it/],
  ['nothing', Buffer.alloc(0), /notes\.png: found an empty file/],
])('a file that holds %s is refused and named', async (_, bytes, message) => {
  await expect(decodeImage(bytes, 'notes.png')).rejects.toThrow(message);
});

test('a picture in an unsupported format is refused with advice', async () => {
  const header = '424d3a000000000000003600000028000000010000000100000001001800';
  const bmp = Buffer.from(header + '0'.repeat(56), 'hex');
  await expect(decodeImage(bmp, 'a.bmp')).rejects.toThrow(/a\.bmp: found .*; convert .* to PNG first/);
});

test.each(['P6\n1 1\n255\nabc', 'P5 1 1 255 a', 'P1\t1 1 0'])(
  'a PPM, PGM or PBM is refused by name: %j',
  async (text) => {
    await expect(decodeImage(Buffer.from(text), 'sign.ppm')).rejects.toThrow(
      /sign\.ppm: found ppm, pgm or pbm data, expected a JPEG.*; convert it to PNG first/,
    );
  },
);

test('a missing file and a folder are named', async () => {
  await expect(decodeImage('/no/such/picture.png')).rejects.toThrow('/no/such/picture.png: found no such file');
  await expect(decodeImage(tmpdir())).rejects.toThrow(`${tmpdir()}: found a folder`);
});

test('an endless device and a pipe without a writer are refused at once', async (context) => {
  if (process.platform === 'win32') return context.skip('needs named pipes');
  await expect(decodeImage('/dev/zero')).rejects.toThrow('/dev/zero: found a device or pipe');
  const pipe = join(await mkdtemp(join(tmpdir(), 'antidote-')), 'a.png');
  execFileSync('mkfifo', [pipe]);
  await expect(decodeImage(pipe)).rejects.toThrow(`${pipe}: found a device or pipe`);
});

test.each(['rgb.jpg', 'rgb.png', 'rgb.webp', 'palette.gif'])('%s cut in half is refused', async (file) => {
  const whole = await readFile(imagePath(file));
  await expect(decodeImage(whole.subarray(0, whole.length / 2), file)).rejects.toThrow(
    new RegExp(`^${file.replace('.', '\\.')}: found (a damaged|no picture)`),
  );
});

test('a picture 20,000 pixels wide is refused before it is decoded', async () => {
  const wide = await sharp({ create: { width: 20_000, height: 2, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  await expect(decodeImage(wide, 'wide.png')).rejects.toThrow(
    'wide.png: found a picture of 20000 x 2 pixels, expected at most 16384 pixels a side',
  );
});

test('a decompression bomb is refused by its header', async () => {
  const bomb = await sharp({ create: { width: 16_000, height: 6_000, channels: 3, background: 'red' } })
    .png({ compressionLevel: 9 })
    .toBuffer();
  expect(bomb.length).toBeLessThan(1024 * 1024);
  await expect(decodeImage(bomb, 'bomb.png')).rejects.toThrow(/bomb\.png: found a picture of 16000 x 6000 pixels/);
});

test('a file over the size limit is refused without being read', async () => {
  const path = join(await mkdtemp(join(tmpdir(), 'antidote-')), 'huge.png');
  await writeFile(path, '');
  await truncate(path, imageLimits.bytes + 1);
  await expect(decodeImage(path)).rejects.toThrow(/huge\.png: found 268435457 bytes/);
});
