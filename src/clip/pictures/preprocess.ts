/** @file A decoded picture resized and cropped for a CLIP, as torchvision and transformers do with Pillow images. */
import type { ClipConfig } from '../config.ts';
import { type DecodedImage, resize, type Size, type Window } from './resize.ts';

/** The part of a `ClipConfig` that preprocessing reads. */
export interface PreprocessConfig {
  readonly image: Pick<ClipConfig['image'], 'resolution'>;
  readonly preprocessing: Pick<ClipConfig['preprocessing'], 'resize' | 'interpolation' | 'centre'>;
}

/**
 * Resizes and crops to the model's square. Mean and standard deviation are applied later, inside the graph, because
 * triggers are applied before them.
 *
 * @returns shape [3, S, S], values 0 to 255
 */
export function preprocess(image: DecodedImage, config: PreprocessConfig): Uint8Array<ArrayBuffer> {
  const side = config.image.resolution;
  const { resize: way, interpolation, centre } = config.preprocessing;
  const size = way === 'squash' ? { width: side, height: side } : shortestSideTo(side, image);
  const half = halves[centre];
  const window: Window = { left: half(size.width - side), top: half(size.height - side), width: side, height: side };
  const square = resize(image, size, interpolation, window);
  return channelsFirst(square);
}

/** torchvision's `Resize(side)`: the shorter side becomes `side`, the longer one is cut to a whole number. */
function shortestSideTo(side: number, { width, height }: Size): Size {
  return width <= height
    ? { width: side, height: Math.trunc((side * height) / width) }
    : { width: Math.trunc((side * width) / height), height: side };
}

/**
 * The part of a margin at the left and above. torchvision's `CenterCrop`, which OpenAI and open_clip use, takes Python's
 * `int(round(margin / 2))`, which rounds halves to even; transformers' processors for CLIP round down (except the first
 * ones on torchvision).
 */
const halves: Readonly<Record<ClipConfig['preprocessing']['centre'], (margin: number) => number>> = {
  torchvision: (margin) => (margin % 4 === 3 ? (margin + 1) / 2 : Math.floor(margin / 2)),
  transformers: (margin) => Math.floor(margin / 2),
};

function channelsFirst({ data, width, height }: DecodedImage): Uint8Array<ArrayBuffer> {
  const plane = width * height;
  const out = new Uint8Array(3 * plane);
  for (let pixel = 0; pixel < plane; pixel++)
    for (let channel = 0; channel < 3; channel++) out[channel * plane + pixel] = data[3 * pixel + channel]!;
  return out;
}
