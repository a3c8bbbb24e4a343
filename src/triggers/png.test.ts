import sharp from 'sharp';
import { expect, test } from 'vitest';
import { pngBytes, pngUrl } from './png.ts';

const picture = Uint8Array.of(10, 20, 30, 40, 50, 60);

test('channels-first bytes become coloured pixels, enlarged without smoothing', async () => {
  const { data, info } = await sharp(await pngBytes(picture, [3, 1, 2], 2))
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect([info.width, info.height, info.channels]).toEqual([4, 2, 3]);
  const row = [10, 30, 50, 10, 30, 50, 20, 40, 60, 20, 40, 60];
  expect([...data]).toEqual([...row, ...row]);
});

test('a data URL holds the bytes of the file', async () => {
  const bytes = await pngBytes(picture, [1, 2, 3]);
  expect(await pngUrl(picture, [1, 2, 3])).toBe(`data:image/png;base64,${bytes.toString('base64')}`);
});
