/**
 * @file The directory of a zip archive, read as strictly as the format allows: anything that two readers could
 * interpret differently is refused. Entries cover the file from its first byte to the directory, and the directory the
 * rest.
 *
 * Format: PKWARE's APPNOTE.TXT, sections 4.3 to 4.5. PyTorch writes it with miniz.
 */
import type { FileHandle } from 'node:fs/promises';
import { badData } from '../../errors.ts';
import { shown } from '../../tensor/safetensors-header.ts';
import { type Read, windowed } from './windowed.ts';

/** A file within the archive. */
export interface ZipEntry {
  readonly name: string;
  /** First byte of its content, counted from the start of the archive. */
  readonly offset: number;
  /** Bytes of its content, as stored in the archive. */
  readonly length: number;
  /** CRC-32 of its content. */
  readonly crc: number;
  /** Its content cannot be used: nothing here decompresses, so there can be no zip bomb. */
  readonly compressed: boolean;
}

/** Limits of a directory. */
const zipLimits = {
  /** A CLIP with its optimiser has some 2,000; each costs a read of its own header, about 20 microseconds. */
  entries: 30_000,
  /** Entries have 46 bytes, their names some 30, and fields for long files 28. */
  directoryBytes: 8 * 1024 * 1024,
  /** The longest names of TorchScript archives repeat the path of a module. */
  nameBytes: 1024,
} as const;

const signatures = {
  localHeader: 0x04034b50,
  directoryEntry: 0x02014b50,
  descriptor: 0x08074b50,
  end64: 0x06064b50,
  locator64: 0x07064b50,
  end: 0x06054b50,
} as const;

/** Fixed parts of the records, in bytes. */
const sizes = { localHeader: 30, directoryEntry: 46, end64: 56, locator64: 20, end: 22 } as const;

/** A descriptor: signature or none, checksum, and both lengths in 4 or 8 bytes each. */
const descriptorSizes: readonly number[] = [24, 20, 16, 12];

const flags = { descriptor: 1 << 3, utf8: 1 << 11 } as const;
const methods = { stored: 0, deflated: 8 } as const;

/** Means "see the zip64 field" in fields of 2 and 4 bytes. */
const elsewhere = { 2: 0xffff, 4: 0xffffffff } as const;

/** The directory's record of an entry. */
interface DirectoryEntry {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly unpacked: number;
  /** Start of its own header. */
  readonly header: number;
}

type Refuse = (found: string, expected: string, advice?: string) => Error;

/**
 * Reads the directory and compares every entry with its own header.
 *
 * @throws AntidoteError (data) that names the mistake and its byte
 */
export async function readZipDirectory(
  path: string,
  file: FileHandle,
  size: number,
): Promise<ReadonlyMap<string, ZipEntry>> {
  const refuse: Refuse = (found, expected, advice = 'the archive is damaged, or made to mislead') =>
    badData(path, found, expected, advice);
  const read = windowed(path, file, size);
  const { entries, start } = await readDirectory(read, size, refuse);
  const inOrder = [...entries].sort((a, b) => a.header - b.header);
  const placed = new Map<string, ZipEntry>();
  let end = 0;
  for (const [i, entry] of inOrder.entries()) {
    if (entry.header !== end)
      throw refuse(
        `entry ${shown(entry.name)} at byte ${entry.header}`,
        `it at byte ${end}`,
        'entries overlap, or something lies between or before them',
      );
    const next = inOrder[i + 1]?.header ?? start;
    const offset = await dataOffset(read, entry, next, refuse);
    placed.set(entry.name, {
      name: entry.name,
      offset,
      length: entry.packed,
      crc: entry.crc,
      compressed: entry.method !== methods.stored,
    });
    await checkDescriptor(read, entry, offset + entry.packed, next, refuse);
    end = next;
  }
  if (end !== start) throw refuse(`${start - end} bytes before the directory`, 'entries only');
  return placed;
}

interface Extent {
  readonly count: number;
  readonly start: number;
  readonly length: number;
}

async function readDirectory(
  read: Read,
  size: number,
  refuse: Refuse,
): Promise<{ entries: readonly DirectoryEntry[]; start: number }> {
  const { count, start, length } = await readEnd(read, size, refuse);
  if (count === 0) throw refuse('an empty zip archive', 'one that torch.save wrote');
  if (count > zipLimits.entries) throw refuse(`${count} entries`, `at most ${zipLimits.entries}`, 'it holds no CLIP');
  if (length > zipLimits.directoryBytes)
    throw refuse(`a directory of ${length} bytes`, `at most ${zipLimits.directoryBytes}`, 'it holds no CLIP');
  const bytes = await read(start, length);
  const entries: DirectoryEntry[] = [];
  const names = new Set<string>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    const broken = (found: string, expected: string) =>
      refuse(`${found} in the directory's entry at byte ${start + at}`, expected);
    if (bytes.length - at < sizes.directoryEntry || bytes.readUInt32LE(at) !== signatures.directoryEntry)
      throw broken('no entry', `${count} entries`);
    const nameLength = bytes.readUInt16LE(at + 28);
    const extraLength = bytes.readUInt16LE(at + 30);
    const commentLength = bytes.readUInt16LE(at + 32);
    const nameStart = at + sizes.directoryEntry;
    const extraStart = nameStart + nameLength;
    if (extraStart + extraLength + commentLength > bytes.length) throw broken('an end beyond the directory', 'less');
    const name = entryName(bytes.subarray(nameStart, extraStart), broken);
    const where = (found: string, expected: string) => refuse(`${found} of entry ${shown(name)}`, expected);
    // PyTorch looks entries up without regard to case (miniz's `mz_zip_reader_locate_file` with no flags).
    const key = name.toLowerCase();
    if (names.has(key)) throw refuse(`two entries called ${shown(name)}, whatever their case`, 'every name once');
    names.add(key);
    if (commentLength > 0) throw where('a comment', 'none');
    if (bytes.readUInt16LE(at + 34) !== 0) throw where('another disk', 'an archive in one file');
    const long = longFields(bytes.subarray(extraStart, extraStart + extraLength), where);
    const entry = {
      name,
      flags: bytes.readUInt16LE(at + 8),
      method: bytes.readUInt16LE(at + 10),
      crc: bytes.readUInt32LE(at + 16),
      unpacked: long.next(bytes.readUInt32LE(at + 24)),
      packed: long.next(bytes.readUInt32LE(at + 20)),
      header: long.next(bytes.readUInt32LE(at + 42)),
    };
    long.done();
    checkEntry(entry, start, where);
    entries.push(entry);
    at = extraStart + extraLength;
  }
  if (at !== length) throw refuse(`${length - at} bytes after the directory's last entry`, 'nothing');
  return { entries, start };
}

/** Locates the directory by the record at the very end and, in long archives, by a second one with 64-bit numbers. */
async function readEnd(read: Read, size: number, refuse: Refuse): Promise<Extent> {
  const tailLength = Math.min(size, sizes.end64 + sizes.locator64 + sizes.end);
  const tail = await read(size - tailLength, tailLength);
  const at = tailLength - sizes.end;
  if (at < 0 || tail.readUInt32LE(at) !== signatures.end || tail.readUInt16LE(at + 20) !== 0)
    throw refuse(
      'no end of a zip directory at the end of the file',
      'a whole archive and nothing behind it',
      'the file is cut short, or something was appended to it',
    );
  const short = {
    disks: tail.readUInt32LE(at + 4),
    onDisk: tail.readUInt16LE(at + 8),
    count: tail.readUInt16LE(at + 10),
    length: tail.readUInt32LE(at + 12),
    start: tail.readUInt32LE(at + 16),
  };
  const locator = at - sizes.locator64;
  const isLong = locator >= sizes.end64 && tail.readUInt32LE(locator) === signatures.locator64;
  const end = size - (isLong ? tailLength : sizes.end);
  const long = isLong ? readEnd64(tail, locator, end, refuse) : undefined;
  const agrees = (value: number, longValue: number | undefined, unknown: number) =>
    longValue === undefined ? value !== unknown : value === longValue || value === unknown;
  if (
    short.disks !== 0 ||
    short.onDisk !== short.count ||
    !agrees(short.count, long?.count, elsewhere[2]) ||
    !agrees(short.length, long?.length, elsewhere[4]) ||
    !agrees(short.start, long?.start, elsewhere[4])
  )
    throw refuse('an end of the zip directory that contradicts itself', 'one count, one size and one place');
  const extent = long ?? short;
  if (extent.start + extent.length !== end)
    throw refuse(
      `a directory of ${extent.length} bytes at byte ${extent.start}`,
      `one that ends at byte ${end}`,
      'something was put before the archive or into it',
    );
  return extent;
}

function readEnd64(tail: Buffer, locator: number, position: number, refuse: Refuse): Extent {
  const at = locator - sizes.end64;
  const number = (offset: number) => safe(tail.readBigUInt64LE(offset), refuse);
  const consistent =
    tail.readUInt32LE(locator + 4) === 0 &&
    number(locator + 8) === position &&
    tail.readUInt32LE(locator + 16) === 1 &&
    tail.readUInt32LE(at) === signatures.end64 &&
    number(at + 4) === sizes.end64 - 12 &&
    tail.readUInt32LE(at + 16) === 0 &&
    tail.readUInt32LE(at + 20) === 0 &&
    number(at + 24) === number(at + 32);
  if (!consistent) throw refuse('a zip64 end of the directory that contradicts itself', 'one right before its locator');
  return { count: number(at + 32), length: number(at + 40), start: number(at + 48) };
}

/** Names are compared, never opened; but a name that leads out of the archive is meant to attack another reader. */
function entryName(bytes: Buffer, broken: (found: string, expected: string) => Error): string {
  if (bytes.length > zipLimits.nameBytes) throw broken(`a name of ${bytes.length} bytes`, 'a shorter one');
  let name: string;
  try {
    name = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw broken('a name that is not UTF-8', 'text');
  }
  const escapes = /^\/|^[a-zA-Z]:|\\|\p{Cc}/u.test(name) || name.split('/').some((part) => /^\.{1,2}$/.test(part));
  if (name === '' || escapes) throw broken(`the name ${shown(name)}`, 'a path that stays within the archive');
  return name;
}

/** The zip64 field: the numbers that do not fit their own fields, in the order of those fields. */
function longFields(extra: Buffer, where: (found: string, expected: string) => Error) {
  let values: Buffer | undefined;
  let at = 0;
  while (at < extra.length) {
    const length = extra.length - at < 4 ? Number.POSITIVE_INFINITY : extra.readUInt16LE(at + 2);
    if (length > extra.length - at - 4) throw where('an extra field that is cut short', 'a whole one');
    const id = extra.readUInt16LE(at);
    // Info-ZIP's second name for the entry.
    if (id === 0x7075) throw where('a second name', 'one');
    if (id === 0x0001) {
      if (values) throw where('two zip64 fields', 'one');
      values = extra.subarray(at + 4, at + 4 + length);
    }
    at += 4 + length;
  }
  let used = 0;
  return {
    /** The number itself, or the next one of the zip64 field if it refers there. */
    next(short: number): number {
      if (short !== elsewhere[4]) return short;
      if (!values || values.length < used + 8) throw where('no zip64 field for a length', 'one');
      used += 8;
      return safe(values.readBigUInt64LE(used - 8), where);
    },
    done(): void {
      if (values && used !== values.length) throw where('a zip64 field that is not needed', 'none');
    },
  };
}

function safe(value: bigint, refuse: (found: string, expected: string) => Error): number {
  if (value > Number.MAX_SAFE_INTEGER) throw refuse(`the number ${value}`, 'one within the file');
  return Number(value);
}

function checkEntry(entry: DirectoryEntry, end: number, where: (found: string, expected: string) => Error): void {
  const { method, packed, unpacked, header } = entry;
  if ((entry.flags & ~(flags.descriptor | flags.utf8)) !== 0)
    throw where(`flags 0x${entry.flags.toString(16)}`, 'no encryption and nothing of the like');
  if (method !== methods.stored && method !== methods.deflated)
    throw where(`compression method ${method}`, 'none, or deflate for code');
  if (method === methods.stored && packed !== unpacked)
    throw where(`${packed} bytes for ${unpacked} uncompressed ones`, 'as many');
  if (header + sizes.localHeader + packed > end) throw where(`${packed} bytes from byte ${header}`, `an end by ${end}`);
}

/** Reads the entry's own header, which must agree with the directory, and returns the start of its content. */
async function dataOffset(read: Read, entry: DirectoryEntry, next: number, refuse: Refuse): Promise<number> {
  const { header } = entry;
  const disagrees = (found: string) =>
    refuse(`${found} in the header of entry ${shown(entry.name)} at byte ${header}`, 'what the directory says');
  const room = next - header - entry.packed;
  const fixed = Buffer.byteLength(entry.name) + sizes.localHeader;
  if (room < fixed) throw disagrees('too little room');
  // PyTorch pads to a multiple of 64 with an extra field, so a second read is rare.
  let bytes = await read(header, Math.min(room, fixed + 128));
  if (bytes.readUInt32LE(0) !== signatures.localHeader) throw disagrees('no signature');
  const extraLength = bytes.readUInt16LE(28);
  const hasName = bytes.subarray(sizes.localHeader, fixed).equals(Buffer.from(entry.name));
  if (bytes.readUInt16LE(26) !== fixed - sizes.localHeader || !hasName) throw disagrees('another name');
  if (fixed + extraLength > room) throw disagrees('too little room');
  if (fixed + extraLength > bytes.length) bytes = await read(header, fixed + extraLength);
  if (bytes.readUInt16LE(6) !== entry.flags) throw disagrees('other flags');
  if (bytes.readUInt16LE(8) !== entry.method) throw disagrees('another compression method');
  const long = longFields(bytes.subarray(fixed, fixed + extraLength), (found, expected) =>
    refuse(`${found} in the header of entry ${shown(entry.name)} at byte ${header}`, expected),
  );
  const crc = bytes.readUInt32LE(14);
  const unpacked = long.next(bytes.readUInt32LE(22));
  const packed = long.next(bytes.readUInt32LE(18));
  // With a descriptor the numbers come after the content, and the header has none.
  const unsaid = (entry.flags & flags.descriptor) !== 0 && crc === 0 && unpacked === 0 && packed === 0;
  if (!unsaid && (crc !== entry.crc || unpacked !== entry.unpacked || packed !== entry.packed))
    throw disagrees('another length or checksum');
  return header + fixed + extraLength;
}

/** A descriptor that repeats the numbers lies between the content and the next entry, or nothing. */
async function checkDescriptor(
  read: Read,
  entry: DirectoryEntry,
  start: number,
  next: number,
  refuse: Refuse,
): Promise<void> {
  const length = next - start;
  const may = (entry.flags & flags.descriptor) !== 0;
  // Miniz, which PyTorch uses, omits the descriptor of an empty entry.
  if (length === 0 && (!may || entry.packed === 0)) return;
  const wrong = () =>
    refuse(
      `${length} bytes after entry ${shown(entry.name)} at byte ${start}`,
      may ? 'a data descriptor that says what the directory says' : 'the next entry',
    );
  if (!may || !descriptorSizes.includes(length)) throw wrong();
  const bytes = await read(start, length);
  const signed = length === 24 || length === 16;
  if (signed && bytes.readUInt32LE(0) !== signatures.descriptor) throw wrong();
  const at = signed ? 4 : 0;
  const wide = length >= 20;
  const number = (offset: number) => (wide ? Number(bytes.readBigUInt64LE(offset)) : bytes.readUInt32LE(offset));
  const [crc, packed, unpacked] = [bytes.readUInt32LE(at), number(at + 4), number(at + (wide ? 12 : 8))];
  if (crc !== entry.crc || packed !== entry.packed || unpacked !== entry.unpacked) throw wrong();
}
