/** @file Pictures as PNG: bytes for a file, and data URLs for reports in one file. */
import sharp from 'sharp';

/** A picture embedded in a page. */
export type PngUrl = `data:image/png;base64,${string}`;

/** Channels first: [3, height, width] as colour or [1, height, width] as grey, 0 to 255. */
type PictureShape = readonly [1 | 3, number, number];

/**
 * One picture as the bytes of a PNG file.
 *
 * @param enlargement screen pixels along the side of one picture pixel, without smoothing
 */
export async function pngBytes(picture: Uint8Array, shape: PictureShape, enlargement = 1): Promise<Buffer> {
  const [channels, height, width] = shape;
  const area = height * width;
  const interleaved = new Uint8Array(channels * area);
  for (let channel = 0; channel < channels; channel++) {
    for (let at = 0; at < area; at++) interleaved[at * channels + channel] = picture[channel * area + at]!;
  }
  const image = sharp(interleaved, { raw: { width, height, channels } });
  if (enlargement > 1) image.resize(width * enlargement, height * enlargement, { kernel: 'nearest' });
  return image.png({ compressionLevel: 9 }).toBuffer();
}

/** One picture, not enlarged: the page enlarges it without smoothing, so that its pixels stay visible. */
export async function pngUrl(picture: Uint8Array, shape: PictureShape): Promise<PngUrl> {
  return `data:image/png;base64,${(await pngBytes(picture, shape)).toString('base64')}`;
}
