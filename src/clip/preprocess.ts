/** @file A decoded picture at the size a CLIP takes: resize and crop as torchvision does on Pillow images. */
import type { ClipConfig } from './config.ts';
import { type DecodedImage, resize, type Size, type Window } from './resize.ts';

/** The part of a `ClipConfig` that preprocessing reads. */
export interface PreprocessConfig {
  readonly image: Pick<ClipConfig['image'], 'resolution'>;
  readonly preprocessing: Pick<ClipConfig['preprocessing'], 'resize' | 'interpolation'>;
}

/**
 * Resizes and crops to the model's square. Mean and standard deviation are applied later, inside the graph,
 * because triggers belong before them.
 *
 * @returns shape [3, S, S], values 0 to 255
 */
export function preprocess(image: DecodedImage, config: PreprocessConfig): Uint8Array<ArrayBuffer> {
  const side = config.image.resolution;
  const size = config.preprocessing.resize === 'squash' ? { width: side, height: side } : shortestSideTo(side, image);
  const square = resize(image, size, config.preprocessing.interpolation, centre(side, size));
  return channelsFirst(square);
}

/** torchvision's `Resize(side)`: the shorter side becomes `side`, the longer one is cut to a whole number. */
function shortestSideTo(side: number, { width, height }: Size): Size {
  return width <= height
    ? { width: side, height: Math.trunc((side * height) / width) }
    : { width: Math.trunc((side * width) / height), height: side };
}

/**
 * torchvision's `CenterCrop(side)`, as OpenAI and open_clip have it. transformers halves the margin rounded down (but for
 * its first processors on torchvision): a pixel less where a margin divided by 4 leaves 3, which a quarter of them do.
 */
function centre(side: number, size: Size): Window {
  return {
    left: halfRoundedToEven(size.width - side),
    top: halfRoundedToEven(size.height - side),
    width: side,
    height: side,
  };
}

/** Python's `int(round(margin / 2))`, which sends a half to the even neighbour. */
function halfRoundedToEven(margin: number): number {
  const half = Math.floor(margin / 2);
  return margin % 2 === 1 && half % 2 === 1 ? half + 1 : half;
}

function channelsFirst({ data, width, height }: DecodedImage): Uint8Array<ArrayBuffer> {
  const plane = width * height;
  const out = new Uint8Array(3 * plane);
  for (let pixel = 0; pixel < plane; pixel++)
    for (let channel = 0; channel < 3; channel++) out[channel * plane + pixel] = data[3 * pixel + channel]!;
  return out;
}
