/** @file What the pictures of a trigger show is what the trigger does. */
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { float32 } from '../tensor/tensor.ts';
import { type PngUrl, pngUrl } from './png.ts';
import { amplification, amplified, triggerPictures } from './trigger-pictures.ts';

async function pixels(url: PngUrl): Promise<{ data: number[]; channels: number; width: number }> {
  const { data, info } = await sharp(Buffer.from(url.slice(url.indexOf(',') + 1), 'base64'))
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data: [...data], channels: info.channels, width: info.width };
}

test('a channels-first picture is the same after its PNG is decoded', async () => {
  const picture = Uint8Array.from({ length: 3 * 2 * 3 }, (_, at) => at * 13);
  const { data, channels, width } = await pixels(await pngUrl(picture, [3, 2, 3]));
  expect([channels, width]).toEqual([3, 3]);
  expect(data).toEqual(Array.from({ length: 18 }, (_, at) => picture[(at % 3) * 6 + Math.floor(at / 3)]));
});

test('the amplification is the largest round factor that keeps the change inside the grey scale', () => {
  expect([0, 1, 2, 12, 13, 60, 64, 255].map(amplification)).toEqual([100, 100, 50, 10, 5, 2, 1, 1]);
});

test('an unchanged value is mid grey, a change is above or below it, times the factor', () => {
  expect([...amplified(Uint8Array.of(10, 10, 10, 0), Uint8Array.of(10, 12, 7, 255), 10)]).toEqual([128, 148, 98, 255]);
});

test('a dummy trigger is drawn through its mask, with its size and its largest change', async () => {
  const mask = float32([1, 0, 0, 0], [1, 2, 2]);
  const pattern = float32([1, 1, 1, 1, 0, 0, 0, 0, 0.2, 1, 1, 1], [3, 2, 2]);
  const clean = new Uint8Array(12).fill(100);
  const triggered = clean.slice();
  [triggered[0], triggered[4], triggered[8]] = [255, 0, 51];
  const drawn = await triggerPictures(
    { kind: 'mask-pattern', mask, pattern, placement: { top: 0, left: 0 } },
    clean,
    triggered,
    2,
  );
  expect(drawn).toMatchObject({ form: 'mask + pattern', largest: 155, changed: 0.25 });
  expect((await pixels(drawn.pattern!)).data).toEqual([255, 0, 51, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  expect((await pixels(drawn.difference.picture)).data.slice(3, 6)).toEqual([128, 128, 128]);
});

test('pixels that a soft mask changes by a level or two are not counted as visibly changed', async () => {
  const clean = new Uint8Array(12).fill(100);
  const triggered = clean.slice();
  for (const [at, change] of [1, 7, 8, 0].entries()) triggered[at]! += change;
  triggered[8] = 60;
  const drawn = await triggerPictures({ kind: 'none' }, clean, triggered, 2);
  expect(drawn).toMatchObject({ changed: 0.75, visible: 0.5, largest: 40 });
});

test('an additive trigger is drawn around mid grey, a fresh noise patch has no pattern of its own', async () => {
  const clean = new Uint8Array(3).fill(100);
  const delta = float32([0.1, 0, -0.1], [3, 1, 1]);
  const additive = await triggerPictures(
    { kind: 'additive', delta, bound: 0.1 },
    clean,
    Uint8Array.of(126, 100, 74),
    1,
  );
  expect((await pixels(additive.pattern!)).data).toEqual([255, 128, 1]);
  const noise = await triggerPictures({ kind: 'noise-patch', side: 1, placement: 'random' }, clean, clean, 1);
  expect([noise.pattern, noise.mask, noise.changed]).toEqual([null, null, 0]);
});
