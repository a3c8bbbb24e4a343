/** @file Builds pickles and archives byte by byte: honest ones and hostile ones. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

/** One byte per character. */
export const raw = (text: string): Buffer => Buffer.from(text, 'latin1');

const le = (value: number | bigint, bytes: number): Buffer => {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
  return buffer.subarray(0, bytes);
};

const latin1 = (value: number | bigint, bytes: number): string => le(value, bytes).toString('latin1');

/** Opcodes, as text of one character per byte. */
export const op = {
  text: (value: string) => {
    const bytes = Buffer.from(value);
    return `X${latin1(bytes.length, 4)}${bytes.toString('latin1')}`;
  },
  /** LONG1 of 9 bytes: room for every 64-bit number with its sign. */
  integer: (value: number | bigint) => `\x8a\x09${latin1(value, 8)}${value < 0 ? '\xff' : '\0'}`,
  tuple: (...items: readonly string[]) => `(${items.join('')}t`,
  list: (...items: readonly string[]) => `](${items.join('')}e`,
  global: (module: string, name: string) => `c${module}\n${name}\n`,
  dict: (pairs: Readonly<Record<string, string>>) =>
    `}(${Object.entries(pairs)
      .map(([key, value]) => op.text(key) + value)
      .join('')}u`,
} as const;

export interface TensorParts {
  readonly key?: string;
  readonly type?: string;
  readonly count?: number | bigint;
  readonly offset?: number | bigint;
  readonly shape?: readonly (number | bigint)[];
  readonly strides?: readonly (number | bigint)[];
}

export function storageOps({ key = '0', type = 'FloatStorage', count = 6 }: TensorParts = {}): string {
  const id = [op.text('storage'), op.global('torch', type), op.text(key), op.text('cpu'), op.integer(count)];
  return `${op.tuple(...id)}Q`;
}

/** A tensor as `torch.save` writes it; by default a view of all of storage 0, which has 6 elements. */
export function tensorOps(parts: TensorParts = {}): string {
  const { offset = 0, shape = [2, 3], strides = [3, 1] } = parts;
  const sizes = [shape, strides].map((numbers) => op.tuple(...numbers.map(op.integer)));
  const hooks = `${op.global('collections', 'OrderedDict')})R`;
  const args = op.tuple(storageOps(parts), op.integer(offset), ...sizes, '\x89', hooks);
  return `${op.global('torch._utils', '_rebuild_tensor_v2')}${args}R`;
}

/** A whole pickle of protocol 2. */
export const pickleOf = (ops: string): Buffer => raw(`\x80\x02${ops}.`);

interface Fields {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly unpacked: number;
  readonly extra: Buffer;
}

export interface Entry {
  readonly name: string;
  readonly data: Buffer;
  /** False values for its own header and for the directory. */
  readonly local?: Partial<Fields>;
  readonly central?: Partial<Fields & { readonly header: number; readonly comment: string }>;
  /** Bytes between the content and the next entry. */
  readonly after?: Buffer;
}

export interface Ending {
  readonly zip64?: boolean;
  readonly before?: Buffer;
  readonly after?: Buffer;
  /** Changes bytes at an offset counted from the start of the ending: [zip64 record, locator,] end. */
  readonly patch?: (ending: Buffer) => void;
}

/** The zip archive of these entries. */
export function zipOf(entries: readonly Entry[], { zip64 = false, before, after, patch }: Ending = {}): Buffer {
  const pieces: Buffer[] = before ? [before] : [];
  const directory: Buffer[] = [];
  let at = before?.length ?? 0;
  for (const { name, data, local, central, after: behind = Buffer.alloc(0) } of entries) {
    const { crc, length } = { crc: crc32(data), length: data.length };
    const truth = { name, flags: 1 << 11, method: 0, crc, packed: length, unpacked: length, extra: Buffer.alloc(0) };
    const own = { ...truth, ...local };
    const header = Buffer.concat([le(0x04034b50, 4), le(20, 2), fixed(own), le(own.extra.length, 2)]);
    const localHeader = Buffer.concat([header, Buffer.from(own.name), own.extra]);
    const listed = { ...truth, header: at, comment: '', ...central };
    directory.push(
      Buffer.concat([
        ...[le(0x02014b50, 4), le(20, 2), le(20, 2), fixed(listed), le(listed.extra.length, 2)],
        ...[le(listed.comment.length, 2), le(0, 2), le(0, 2), le(0, 4), le(listed.header, 4)],
        ...[Buffer.from(listed.name), listed.extra, raw(listed.comment)],
      ]),
    );
    pieces.push(localHeader, data, behind);
    at += localHeader.length + data.length + behind.length;
  }
  const listing = Buffer.concat(directory);
  const count = entries.length;
  const end64 = [
    ...[le(0x06064b50, 4), le(44, 8), le(45, 2), le(45, 2), le(0, 4), le(0, 4), le(count, 8), le(count, 8)],
    ...[le(listing.length, 8), le(at, 8), le(0x07064b50, 4), le(0, 4), le(at + listing.length, 8), le(1, 4)],
  ];
  const end = [le(0x06054b50, 4), le(0, 4), le(count, 2), le(count, 2), le(listing.length, 4), le(at, 4), le(0, 2)];
  const ending = Buffer.concat([...(zip64 ? end64 : []), ...end]);
  patch?.(ending);
  return Buffer.concat([...pieces, listing, ending, ...(after ? [after] : [])]);
}

function fixed({ flags, method, crc, packed, unpacked, name }: Omit<Fields, 'extra'>): Buffer {
  const nameLength = Buffer.byteLength(name);
  return Buffer.concat([
    ...[le(flags, 2), le(method, 2), le(0, 4), le(crc, 4), le(packed, 4), le(unpacked, 4), le(nameLength, 2)],
  ]);
}

/** The six numbers of storage 0. */
export const sixFloats: Buffer = Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);

/** Entries of a checkpoint with this pickle and these storages. */
export function entriesOf(pickle: Buffer, storages: Readonly<Record<string, Buffer>> = { 0: sixFloats }): Entry[] {
  return [
    { name: 'archive/data.pkl', data: pickle },
    { name: 'archive/byteorder', data: raw('little') },
    ...Object.entries(storages).map(([key, data]) => ({ name: `archive/data/${key}`, data })),
    { name: 'archive/version', data: raw('3\n') },
  ];
}

export const honestPickle: Buffer = pickleOf(op.dict({ weight: tensorOps() }));

/** A file as PyTorch wrote it before 1.6. */
export function legacyOf(
  object: string,
  keys: readonly string[] = ['0'],
  storages: readonly { readonly count: number | bigint; readonly data: Buffer }[] = [{ count: 6, data: sixFloats }],
): Buffer {
  return Buffer.concat([
    pickleOf(`\x8a\x0a${raw('\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19').toString('latin1')}`),
    pickleOf(op.integer(1001)),
    pickleOf(op.dict({ protocol_version: op.integer(1001), little_endian: '\x88', type_sizes: '}' })),
    pickleOf(object),
    pickleOf(op.list(...keys.map(op.text))),
    ...storages.flatMap(({ count, data }) => [le(count, 8), data]),
  ]);
}

/** Writes bytes to a new file of the folder and returns its path. */
export function savingIn(folder: () => string): (bytes: Buffer) => Promise<string> {
  let files = 0;
  return async (bytes) => {
    const path = join(folder(), `${files++}.pt`);
    await writeFile(path, bytes);
    return path;
  };
}
