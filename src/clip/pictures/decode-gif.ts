/** @file What a GIF hides: the palette colours under its transparent pixels, which Pillow shows and libvips blanks. */

const EXTENSION = 0x21;
const GRAPHIC_CONTROL = 0xf9;
/** Packed field of a graphic control extension: bit 0 says that one palette index is transparent. */
const TRANSPARENT = 0x01;

/**
 * A copy of a GIF file whose first frame has no transparent colour, so that every decoder paints the palette's own.
 * Returns the file as it is where there is nothing to change, or where it is too damaged to tell.
 *
 * Layout: header (6 bytes), screen (7), palette, then blocks, each introduced by one byte; GIF89a, sections 17 to 24.
 */
export function withoutGifTransparency(file: Uint8Array): Uint8Array {
  const screen = file[10] ?? 0;
  let at = 13 + (screen & 0x80 ? 3 * 2 ** ((screen & 0x07) + 1) : 0);
  while (file[at] === EXTENSION) {
    if (file[at + 1] === GRAPHIC_CONTROL) {
      const packed = file[at + 3] ?? 0;
      if ((packed & TRANSPARENT) === 0) return file;
      const opaque = Uint8Array.from(file);
      opaque[at + 3] = packed & ~TRANSPARENT;
      return opaque;
    }
    at += 2;
    for (let size = file[at] ?? 0; size > 0; size = file[at] ?? 0) at += 1 + size;
    at += 1;
  }
  return file;
}
