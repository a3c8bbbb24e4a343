/** @file A picture file to 8-bit RGB, byte for byte as Pillow's `Image.open(file).convert('RGB')` gives it. */
import sharp, { type Metadata, type SharpOptions } from 'sharp';
import { badData } from '../../errors.ts';
import { readBytes, withFile } from '../../tensor/files/file-bytes.ts';
import { paintAroundGifFrame, withoutGifTransparency } from './decode-gif.ts';
import { kindNames, type PictureKind, pictureKind } from './picture-kind.ts';
import type { DecodedImage } from './resize.ts';

/**
 * Limits of decoding. Pictures of data sets are far below each; a larger one is a mistake or an attempt to exhaust the
 * memory.
 */
export const imageLimits = {
  /** The file is read as a whole. */
  bytes: 256 * 1024 * 1024,
  /** Pillow warns of a decompression bomb from here on (`Image.MAX_IMAGE_PIXELS`): a quarter of a GiB as RGB. */
  pixels: 89_478_485,
  /** Longest side: JPEG and WebP end near here, and the resampling tables grow with it. */
  side: 16_384,
} as const;

/** No colour profile is applied, as in Pillow. Damage for which libvips only warns is tolerated, truncation is not. */
const sharpOptions = {
  ignoreIcc: true,
  failOn: 'error',
  limitInputPixels: imageLimits.pixels,
} as const satisfies SharpOptions;

/**
 * Decodes one picture, the first frame where there are several.
 * Alpha is dropped, not composited: the colour under transparent pixels returns, as with `convert('RGB')`. Pictures with
 * alpha, a palette or one bit a pixel become RGB before they are resized, as in transformers and torchvision's
 * `ImageFolder`. OpenAI's and open_clip's transforms resize and crop first: Pillow then weighs colours by alpha and takes
 * the nearest pixel of a palette, so such pictures differ there.
 * The EXIF orientation is not applied and no colour profile is, because CLIP's own pipelines do neither.
 *
 * @param source the file's bytes, or its path
 * @param name in error messages; a file that cannot be read is named by its path
 * @throws AntidoteError (data) if it cannot be read, is not a picture, is damaged or exceeds `imageLimits`
 */
export async function decodeImage(
  source: Uint8Array | string,
  name: string = typeof source === 'string' ? source : 'picture',
): Promise<DecodedImage> {
  const file = typeof source === 'string' ? await readPicture(source) : source;
  checkBytes(file.length, name);
  // Before libvips sees it, which would try all of its many loaders.
  const kind = pictureKind(file, name);
  const damaged = (cause: unknown) => {
    const reason = cause instanceof Error ? cause.message.trim().replaceAll(/\s+/g, ' ') : String(cause);
    return badData(name, `a damaged ${kind} picture (${reason})`, 'a complete one', { cause });
  };
  const metadata = await sharp(file, { ...sharpOptions, limitInputPixels: false })
    .metadata()
    .catch((cause: unknown) => {
      throw damaged(cause);
    });
  checkSize(metadata, name);
  try {
    if (kind !== 'gif') return await pixels(file, kind, metadata);
    const picture = await pixels(withoutGifTransparency(file), kind, metadata);
    paintAroundGifFrame(file, picture);
    return picture;
  } catch (cause) {
    throw damaged(cause);
  }
}

function readPicture(path: string): Promise<Uint8Array> {
  return withFile(path, kindNames, (file, size) => {
    checkBytes(size, path);
    return readBytes(path, file, 0, size);
  });
}

function checkBytes(bytes: number, name: string): void {
  if (bytes > imageLimits.bytes)
    throw badData(name, `${bytes} bytes`, `a picture file of at most ${imageLimits.bytes}`);
}

function checkSize({ width, height }: Metadata, name: string): void {
  const size = `a picture of ${width} x ${height} pixels`;
  if (width > imageLimits.side || height > imageLimits.side)
    throw badData(name, size, `at most ${imageLimits.side} pixels a side`, 'scale it down first');
  if (width * height > imageLimits.pixels)
    throw badData(name, size, `at most ${imageLimits.pixels} pixels in all`, 'scale it down first');
}

async function pixels(file: Uint8Array, kind: PictureKind, metadata: Metadata): Promise<DecodedImage> {
  const { width, height, space } = metadata;
  const input = sharp(file, sharpOptions);
  if (space === 'cmyk') {
    const cmyk = await input.pipelineColourspace('cmyk').toColourspace('cmyk').raw().toBuffer();
    return { data: rgbFromCmyk(cmyk, width * height), width, height };
  }
  if (kind === 'png' && isDeepGray(file, metadata)) {
    const gray = await input.pipelineColourspace('grey16').toColourspace('grey16').raw({ depth: 'ushort' }).toBuffer();
    return { data: rgbFromDeepGray(gray, width * height), width, height };
  }
  const rgb = await input.toColourspace('srgb').removeAlpha().raw().toBuffer();
  // A view, not a copy: a picture may have a quarter of a GiB.
  return { data: new Uint8Array(rgb.buffer, rgb.byteOffset, rgb.length), width, height };
}

/** PNG of colour type 0 (byte 25 of every PNG file) with 16 bits, which Pillow opens as mode `I;16`. */
function isDeepGray(png: Uint8Array, { depth }: Metadata): boolean {
  return depth === 'ushort' && png[25] === 0;
}

/** As in Pillow, `I;16` is clipped at 255, not scaled (`Convert.c`, `I16_RGB`). */
function rgbFromDeepGray(gray: Uint8Array, pixelCount: number): Uint8Array {
  const rgb = new Uint8Array(3 * pixelCount);
  const channels = gray.length / (2 * pixelCount);
  const view = new DataView(gray.buffer, gray.byteOffset, gray.byteLength);
  for (let pixel = 0; pixel < pixelCount; pixel++)
    rgb.fill(Math.min(255, view.getUint16(2 * channels * pixel, true)), 3 * pixel, 3 * pixel + 3);
  return rgb;
}

/** Pillow's `cmyk2rgb` (`Convert.c`): 255 - black, less the ink's share of it, with rounded x / 255. */
function rgbFromCmyk(cmyk: Uint8Array, pixelCount: number): Uint8Array {
  const rgb = new Uint8Array(3 * pixelCount);
  const channels = cmyk.length / pixelCount;
  for (let pixel = 0; pixel < pixelCount; pixel++) {
    const left = 255 - cmyk[channels * pixel + 3]!;
    for (let ink = 0; ink < 3; ink++) {
      const product = cmyk[channels * pixel + ink]! * left + 128;
      rgb[3 * pixel + ink] = left - ((product + (product >> 8)) >> 8);
    }
  }
  return rgb;
}
