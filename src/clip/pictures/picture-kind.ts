/** @file What kind of picture a file holds, told by its first bytes, before any decoder is given it. */
import { badData } from '../../errors.ts';

/**
 * Kinds whose pixels equal Pillow's in every form tried. Left out: AVIF (differs by a level), TIFF (libvips does not say
 * when it hands out YCbCr for RGB), SVG (a program that may reach for other files, not a picture).
 */
export type PictureKind = 'jpeg' | 'png' | 'webp' | 'gif';

interface Signature<Kind> {
  readonly kind: Kind;
  /** The first bytes in hexadecimal. */
  readonly begins: RegExp;
}

const readable: readonly Signature<PictureKind>[] = [
  { kind: 'jpeg', begins: /^ffd8ff/ },
  { kind: 'png', begins: /^89504e470d0a1a0a/ },
  { kind: 'webp', begins: /^52494646.{8}57454250/ },
  { kind: 'gif', begins: /^47494638/ },
];

/** Told by name when they are refused, for they need not be damaged. */
const others: readonly Signature<string>[] = [
  { kind: 'tiff', begins: /^(49492a00|4d4d002a)/ },
  { kind: 'heif', begins: /^.{8}66747970/ },
  { kind: 'bmp', begins: /^424d/ },
  { kind: 'svg or html', begins: /^3c/ },
];

const longest = 12;

/** What errors expect. */
export const kindNames = 'a JPEG, PNG, WebP or GIF picture';

/**
 * @param name what errors call the file
 * @throws AntidoteError (data) for a kind that is not read
 */
export function pictureKind(file: Uint8Array, name: string): PictureKind {
  if (file.length === 0) throw badData(name, 'an empty file', kindNames);
  const start = Array.from(file.subarray(0, longest), (byte) => byte.toString(16).padStart(2, '0')).join('');
  const known = readable.find(({ begins }) => begins.test(start));
  if (known) return known.kind;
  const other = others.find(({ begins }) => begins.test(start));
  throw other
    ? badData(name, `${other.kind} data`, kindNames, 'convert it to PNG first')
    : badData(name, 'no picture in it', kindNames, 'convert a picture of another format to PNG first');
}
