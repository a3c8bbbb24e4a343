/**
 * @file Prepares a picture file for a browser's decoder: only the formats that Node accepts, and without EXIF orientation,
 * which browsers obey and CLIP's pipelines ignore.
 */
import { pictureKind } from '../clip/pictures/picture-kind.ts';
import { badData } from '../errors.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * @param file may be changed in place
 * @param name its name in errors
 * @throws AntidoteError (data) if Node refuses the format, or if browsers decode it to other levels than Node
 */
export function forCanvas(file: Bytes, name: string): Bytes {
  switch (pictureKind(file, name)) {
    case 'jpeg':
      return forgetExif(file);
    case 'png':
      return checkedPng(file, name);
    default:
      return file;
  }
}

/** Segment APP1, which holds EXIF if it begins with `Exif` (EXIF 2.3, section 4.7.2). */
const APP1 = 0xffe1;
const START_OF_SCAN = 0xffda;
const EXIF = [0x45, 0x78, 0x69, 0x66] as const;

/**
 * A JPEG with its EXIF segment renamed, so that decoders ignore it and show the pixels as stored. A damaged one is left
 * unchanged: its decoder reports it.
 */
function forgetExif(file: Bytes): Bytes {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = 2; at + 8 <= file.length; at += 2 + view.getUint16(at + 2)) {
    const marker = view.getUint16(at);
    if (marker < 0xff00 || marker === START_OF_SCAN) break;
    if (marker === APP1 && EXIF.every((letter, i) => file[at + 4 + i] === letter)) file[at + 4] = 0;
  }
  return file;
}

/** Offsets in every PNG of bits per channel, of colour type (0 is grey), and of the first chunk after the header. */
const pngHead = { bits: 24, colour: 25, end: 33 } as const;
/** Length, type and checksum around the data of a PNG's chunk. */
const aroundChunk = 12;
const E_XIF = 0x65584966;

/** A PNG without its EXIF chunk. Bytes that do not form chunks are left unchanged: the decoder reports them. */
function checkedPng(file: Bytes, name: string): Bytes {
  if (file[pngHead.bits] === 16 && file[pngHead.colour] === 0) {
    const why = 'a browser scales its levels, where Pillow cuts them off';
    throw badData(name, 'a grey PNG of 16 bits', 'one of 8 bits', `convert it first: ${why}`);
  }
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const kept: Bytes[] = [file.subarray(0, pngHead.end)];
  let at: number = pngHead.end;
  while (at + aroundChunk <= file.length) {
    const next = at + aroundChunk + view.getUint32(at);
    if (view.getUint32(at + 4) !== E_XIF) kept.push(file.subarray(at, next));
    at = next;
  }
  return joined([...kept, file.subarray(at)]);
}

function joined(parts: readonly Bytes[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
