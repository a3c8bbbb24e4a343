/**
 * @file What Pillow shows in a GIF and libvips leaves blank: the palette colours under transparent pixels, and around a first
 * frame that does not fill its screen. GIF89a, sections 17 to 24.
 */
import type { DecodedImage } from './resize.ts';

const EXTENSION = 0x21;
const GRAPHIC_CONTROL = 0xf9;
const IMAGE = 0x2c;
/** Packed field of a graphic control extension: bit 0 says that one palette index is transparent. */
const TRANSPARENT = 0x01;
/** Packed field of the screen and of an image: bit 7 says that a palette follows, bits 0 to 2 are its size. */
const PALETTE = 0x80;

const paletteBytes = (packed: number) => (packed & PALETTE ? 3 * 2 ** ((packed & 0x07) + 1) : 0);

/** Where the parts of the first frame begin. */
interface FirstFrame {
  /** Its graphic control extensions that have a transparent index; usually there is one at most. */
  readonly transparencies: readonly number[];
  /** Its image descriptor. */
  readonly image: number;
}

/** Header (6 bytes), screen (7), palette, then blocks, each introduced by one byte. Undefined if the file is too damaged. */
function firstFrame(file: Uint8Array): FirstFrame | undefined {
  const transparencies: number[] = [];
  let at = 13 + paletteBytes(file[10] ?? 0);
  while (file[at] === EXTENSION) {
    const packed = file[at + 3] ?? 0;
    if (file[at + 1] === GRAPHIC_CONTROL && packed & TRANSPARENT) transparencies.push(at);
    at += 2;
    for (let size = file[at] ?? 0; size > 0; size = file[at] ?? 0) at += 1 + size;
    at += 1;
  }
  return file[at] === IMAGE ? { transparencies, image: at } : undefined;
}

/**
 * A copy of a GIF file whose first frame has no transparent colour, so that every decoder paints the palette's own.
 * Returns the file itself where there is nothing to change, or where it is too damaged to be parsed.
 */
export function withoutGifTransparency(file: Uint8Array): Uint8Array {
  const { transparencies = [] } = firstFrame(file) ?? {};
  if (transparencies.length === 0) return file;
  const opaque = Uint8Array.from(file);
  for (const at of transparencies) opaque[at + 3]! &= ~TRANSPARENT;
  return opaque;
}

/** Paints what the first frame leaves free in the colour that Pillow gives it: of the transparent index, else of index 0. */
export function paintAroundGifFrame(file: Uint8Array, { data, width, height }: DecodedImage): void {
  const frame = firstFrame(file);
  if (!frame) return;
  const { image, transparencies } = frame;
  const number = (offset: number) => file[image + offset]! + 256 * file[image + offset + 1]!;
  const [left, top] = [Math.min(number(1), width), number(3)];
  const [right, bottom] = [number(1) + number(5), top + number(7)];
  const control = transparencies.at(-1);
  const colour = colourOf(file, image, control === undefined ? 0 : file[control + 6]!);
  const paint = (y: number, from: number, to: number) => {
    for (let i = 3 * (y * width + from); i < 3 * (y * width + to); i += 3) data.set(colour, i);
  };
  for (let y = 0; y < height; y++) {
    const isBeside = y >= top && y < bottom;
    paint(y, 0, isBeside ? left : width);
    if (isBeside) paint(y, right, width);
  }
}

/** A colour of the frame's own palette or else of the file's; black where that is too short. */
function colourOf(file: Uint8Array, image: number, index: number): Uint8Array {
  const own = paletteBytes(file[image + 9]!);
  const start = own > 0 ? image + 10 : 13;
  const end = start + (own || paletteBytes(file[10]!));
  const at = start + 3 * index;
  return at < end ? file.subarray(at, at + 3) : new Uint8Array(3);
}
