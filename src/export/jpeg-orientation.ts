/** @file What a JPEG file says of how it is to be turned: browsers obey it, CLIP's pipelines do not. */

const START_OF_IMAGE = 0xffd8;
/** Segment APP1, which holds EXIF if it begins with that word (EXIF 2.3, section 4.7.2). */
const APP1 = 0xffe1;
const START_OF_SCAN = 0xffda;
const EXIF = [0x45, 0x78, 0x69, 0x66] as const;

/**
 * The file with its EXIF segment under a name that no decoder knows, so that the pixels are shown as they are stored.
 * Changes the bytes in place. Anything but a JPEG, or a damaged one, is left as it is: decoding will tell.
 */
export function forgetOrientation(file: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < 4 || view.getUint16(0) !== START_OF_IMAGE) return file;
  for (let at = 2; at + 8 <= file.length; at += 2 + view.getUint16(at + 2)) {
    const marker = view.getUint16(at);
    if (marker < 0xff00 || marker === START_OF_SCAN) break;
    if (marker === APP1 && EXIF.every((letter, i) => file[at + 4 + i] === letter)) file[at + 4] = 0;
  }
  return file;
}
