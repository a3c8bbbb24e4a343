/** @file The kind of picture in a file, by its first bytes, before any decoder reads it. */
import { badData } from '../../errors.ts';

/**
 * Kinds whose pixels equal Pillow's in every variant tested. Left out: AVIF (differs by a level), TIFF (libvips may return
 * YCbCr as RGB without notice), SVG (a program that may read other files, not a picture).
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

/** Refused by name, because such files need not be damaged. */
const others: readonly Signature<string>[] = [
  { kind: 'tiff', begins: /^(49492a00|4d4d002a)/ },
  { kind: 'heif', begins: /^.{8}66747970/ },
  { kind: 'bmp', begins: /^424d/ },
  { kind: 'ppm, pgm or pbm', begins: /^503[1-6](09|0a|0b|0c|0d|20)/ },
  { kind: 'svg or html', begins: /^3c/ },
];

const longest = 12;

/** The expected kinds, in error messages. */
export const kindNames = 'a JPEG, PNG, WebP or GIF picture';

/**
 * @param name of the file in error messages
 * @throws AntidoteError (data) for a kind that is not supported
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
