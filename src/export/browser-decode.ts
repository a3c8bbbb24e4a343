/**
 * @file A picture file to 8-bit RGB by the browser's own decoder.
 *
 * What differs from `clip/decode.ts`, which is Pillow's, measured in `test/export-browser.test.ts`: a canvas keeps
 * colours multiplied by alpha, so the colour under transparent pixels is black, and near them it is rounded; pictures
 * with 16 bits, CMYK and other rare kinds are converted by the browser's rules. Opaque 8-bit PNG and JPEG are the same.
 */
import type { DecodedImage } from '../clip/resize.ts';
import { badData } from '../errors.ts';

/** The part of a browser that is used: the project is compiled without a browser's types. */
interface Browser {
  createImageBitmap(blob: Blob, options: Readonly<Record<string, string>>): Promise<Bitmap>;
  readonly OffscreenCanvas: new (
    width: number,
    height: number,
  ) => { getContext(kind: '2d', options: { readonly willReadFrequently: boolean }): Context | null };
}

interface Bitmap {
  readonly width: number;
  readonly height: number;
  close(): void;
}

interface Context {
  drawImage(bitmap: Bitmap, x: number, y: number): void;
  getImageData(x: number, y: number, width: number, height: number): { readonly data: Uint8ClampedArray };
}

/** No colour profile is applied and no orientation, as far as the browser can be told so: CLIP's pipelines do neither. */
const asStored = { colorSpaceConversion: 'none', premultiplyAlpha: 'none', imageOrientation: 'none' };

/** @param name what errors call it */
export async function decodeInBrowser(file: Blob, name: string): Promise<DecodedImage> {
  const { createImageBitmap, OffscreenCanvas } = globalThis as unknown as Browser;
  const bitmap = await createImageBitmap(file, asStored).catch((cause: unknown) => {
    throw badData(name, 'no picture that this browser can show', 'a JPEG, PNG, WebP or GIF picture', undefined, cause);
  });
  const { width, height } = bitmap;
  try {
    const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
    if (!context) throw badData(name, `a picture of ${width} x ${height} pixels`, 'one that fits a canvas', 'scale it');
    context.drawImage(bitmap, 0, 0);
    return { data: withoutAlpha(context.getImageData(0, 0, width, height).data), width, height };
  } finally {
    bitmap.close();
  }
}

function withoutAlpha(rgba: Uint8ClampedArray): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let pixel = 0; 4 * pixel < rgba.length; pixel++)
    for (let channel = 0; channel < 3; channel++) rgb[3 * pixel + channel] = rgba[4 * pixel + channel]!;
  return rgb;
}
