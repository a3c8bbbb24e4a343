/** @file Pictures into PNG data URLs, so that a report is one file. */
import sharp from 'sharp';

/** A picture as a page carries it. */
export type PngUrl = `data:image/png;base64,${string}`;

/**
 * One picture, channels first: [3, height, width] as colour or [1, height, width] as grey, 0 to 255. Pixels are kept
 * as they are: the page enlarges without smoothing, so that a reader sees what the model saw.
 */
export async function pngUrl(picture: Uint8Array, shape: readonly [1 | 3, number, number]): Promise<PngUrl> {
  const [channels, height, width] = shape;
  const area = height * width;
  const interleaved = new Uint8Array(channels * area);
  for (let channel = 0; channel < channels; channel++) {
    for (let at = 0; at < area; at++) interleaved[at * channels + channel] = picture[channel * area + at]!;
  }
  const file = await sharp(interleaved, { raw: { width, height, channels } }).png({ compressionLevel: 9 }).toBuffer();
  return `data:image/png;base64,${file.toString('base64')}`;
}
