/** @file A picture file to 8-bit RGB, byte for byte as Pillow's `Image.open(file).convert('RGB')` gives it. */
import { readFile, stat } from 'node:fs/promises';
import sharp, { type Metadata, type SharpOptions } from 'sharp';
import { badData } from '../errors.ts';
import { fileProblem } from '../tensor/file-problem.ts';
import { withoutGifTransparency } from './decode-gif.ts';
import type { DecodedImage } from './resize.ts';

/**
 * Limits on what is decoded.
 * A picture of a data set is far below each; what is above is a mistake or an attempt to exhaust the memory.
 */
export const imageLimits = {
  /** The file is read as a whole. */
  bytes: 256 * 1024 * 1024,
  /** Where Pillow starts to warn of a decompression bomb (`Image.MAX_IMAGE_PIXELS`): a quarter of a GiB as RGB. */
  pixels: 89_478_485,
  /** Longest side: JPEG and WebP end near here, and the resampling tables grow with it. */
  side: 16_384,
} as const;

/**
 * Formats whose pixels equal Pillow's in every form tried. Left out: AVIF (differs by a level), TIFF (libvips does not
 * say when it hands out YCbCr for RGB), SVG (a program that may reach for other files, not a picture).
 */
const formats = ['jpeg', 'png', 'webp', 'gif'];
const formatNames = 'a JPEG, PNG, WebP or GIF picture';

/** No colour profile is applied, as in Pillow; damage that libvips merely warns of is tolerated, truncation is not. */
const sharpOptions = {
  ignoreIcc: true,
  failOn: 'error',
  limitInputPixels: imageLimits.pixels,
} as const satisfies SharpOptions;

/**
 * Decodes one picture, the first frame where there are several.
 * Alpha is dropped, not composited: the colour under transparent pixels comes back, as `convert('RGB')` has it.
 * The EXIF orientation is not applied and no colour profile is, because CLIP's own pipelines do neither.
 *
 * @param source the file's bytes, or its path
 * @param name what error messages call it
 * @throws AntidoteError (data) if it cannot be read, is not a picture, is damaged or exceeds `imageLimits`
 */
export async function decodeImage(
  source: Uint8Array | string,
  name: string = typeof source === 'string' ? source : 'picture',
): Promise<DecodedImage> {
  const file = typeof source === 'string' ? await readPicture(source, name) : source;
  checkBytes(file.length, name);
  if (file.length === 0) throw badData(name, 'an empty file', formatNames);
  const metadata = await sharp(file, { ...sharpOptions, limitInputPixels: false })
    .metadata()
    .catch((cause: unknown) => {
      // What libvips cannot open at all, BMP and PPM among it, need not be damaged.
      throw badData(name, 'no picture in it', formatNames, 'convert a picture of another format to PNG first', cause);
    });
  check(metadata, name);
  try {
    return await pixels(metadata.format === 'gif' ? withoutGifTransparency(file) : file, metadata);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.trim().replaceAll(/\s+/g, ' ') : String(cause);
    throw badData(name, `a damaged ${metadata.format} picture (${reason})`, 'a complete one', undefined, cause);
  }
}

async function readPicture(path: string, name: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    checkBytes(size, name);
    return await readFile(path);
  } catch (error) {
    throw fileProblem(name, error);
  }
}

function checkBytes(bytes: number, name: string): void {
  if (bytes > imageLimits.bytes)
    throw badData(name, `${bytes} bytes`, `a picture file of at most ${imageLimits.bytes}`);
}

function check({ format, width, height }: Metadata, name: string): void {
  if (!formats.includes(format)) throw badData(name, `${format} data`, formatNames, 'convert it to PNG first');
  const size = `a picture of ${width} x ${height} pixels`;
  if (width > imageLimits.side || height > imageLimits.side)
    throw badData(name, size, `at most ${imageLimits.side} pixels a side`, 'scale it down first');
  if (width * height > imageLimits.pixels)
    throw badData(name, size, `at most ${imageLimits.pixels} pixels in all`, 'scale it down first');
}

async function pixels(file: Uint8Array, metadata: Metadata): Promise<DecodedImage> {
  const { width, height } = metadata;
  const data = new Uint8Array(3 * width * height);
  const input = sharp(file, sharpOptions);
  if (metadata.space === 'cmyk') {
    const cmyk = await input.pipelineColourspace('cmyk').toColourspace('cmyk').raw().toBuffer();
    fillFromCmyk(data, cmyk, cmyk.length / (width * height));
  } else if (isDeepGrayPng(file, metadata)) {
    const gray = await input.pipelineColourspace('grey16').toColourspace('grey16').raw({ depth: 'ushort' }).toBuffer();
    fillFromDeepGray(data, gray, gray.length / (2 * width * height));
  } else {
    const rgb = await input.toColourspace('srgb').removeAlpha().raw().toBuffer();
    data.set(rgb);
  }
  return { data, width, height };
}

/** PNG of colour type 0 (byte 25 of every PNG file) with 16 bits: the one kind that Pillow opens as mode `I;16`. */
function isDeepGrayPng(file: Uint8Array, { format, depth }: Metadata): boolean {
  return format === 'png' && depth === 'ushort' && file[25] === 0;
}

/** Pillow converts `I;16` by cutting off at 255 rather than by scaling (`Convert.c`, `I16_RGB`), so it does here. */
function fillFromDeepGray(rgb: Uint8Array, gray: Uint8Array, channels: number): void {
  const view = new DataView(gray.buffer, gray.byteOffset, gray.byteLength);
  for (let pixel = 0; 3 * pixel < rgb.length; pixel++)
    rgb.fill(Math.min(255, view.getUint16(2 * channels * pixel, true)), 3 * pixel, 3 * pixel + 3);
}

/** Pillow's `cmyk2rgb` (`Convert.c`): what black leaves, less the share that the ink takes, with rounded x / 255. */
function fillFromCmyk(rgb: Uint8Array, cmyk: Uint8Array, channels: number): void {
  for (let pixel = 0; 3 * pixel < rgb.length; pixel++) {
    const left = 255 - cmyk[channels * pixel + 3]!;
    for (let ink = 0; ink < 3; ink++) {
      const product = cmyk[channels * pixel + ink]! * left + 128;
      rgb[3 * pixel + ink] = left - ((product + (product >> 8)) >> 8);
    }
  }
}
