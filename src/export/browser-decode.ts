/**
 * @file A picture file to 8-bit RGB by the browser's own decoder.
 *
 * `test/export-browser.test.ts` holds the differences from `clip/pictures/decode.ts`, which is Pillow's: a canvas multiplies
 * colours by alpha, so the colour under transparent pixels is lost (black) and rounded under half-transparent ones; CMYK is
 * converted by the browser's rule; and grey PNGs of 16 bits, whose levels a canvas does not give, are refused. Opaque
 * pictures in other forms, JPEG among them, are the same byte for byte in Chromium.
 */
import { kindNames } from '../clip/pictures/picture-kind.ts';
import type { DecodedImage } from '../clip/pictures/resize.ts';
import { badData } from '../errors.ts';
import { forCanvas } from './for-canvas.ts';

/** The used part of a browser's API: the project is compiled without a browser's types. */
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

/** No colour profile is applied: CLIP's pipelines apply none. */
const asStored = { colorSpaceConversion: 'none', premultiplyAlpha: 'none' };

/** @param name its name in errors */
export async function decodeInBrowser(file: Blob, name: string): Promise<DecodedImage> {
  const { createImageBitmap, OffscreenCanvas } = globalThis as unknown as Browser;
  const stored = new Blob([forCanvas(new Uint8Array(await file.arrayBuffer()), name)]);
  const bitmap = await createImageBitmap(stored, asStored).catch((cause: unknown) => {
    throw badData(name, 'no picture that this browser can show', kindNames, { cause });
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
