/** @file Opens a PyTorch checkpoint without executing it: locates each tensor of its state dict. */
import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { badData } from '../../errors.ts';
import { readBytes, withFile } from '../../tensor/files/file-bytes.ts';
import { shown } from '../../tensor/safetensors-header.ts';
import type { StoredTensor } from '../../tensor/tensor.ts';
import { allowed, reasonAgainst } from './globals.ts';
import { readLegacy } from './legacy.ts';
import { runPickle } from './pickle-machine.ts';
import { placed } from './rebuild-tensor.ts';
import { findStateDict, type StateDict, tensorsOfModules } from './state-dict.ts';
import { storagesOf } from './storages.ts';
import type { PyStorage, PyValue } from './values.ts';
import { readZipDirectory, type ZipEntry } from './zip-directory.ts';

/** The file format: of `torch.save` since 1.6, of `torch.save` before, and of `torch.jit.save`. */
export type Container = 'zip' | 'legacy' | 'torchscript';

/** A range of the file with its checksum. */
export interface Checksum {
  /** Name of the entry in the archive. */
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  /** CRC-32. */
  readonly crc: number;
}

export interface PytorchFile {
  readonly container: Container;
  /** By the file's own names, with prefixes of training wrappers. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Key of the training checkpoint's entry with the state dict; undefined if the file is a state dict or a module. */
  readonly entry: string | undefined;
  /**
   * Checksums of the archive's entries, in the order of the file. Opening checks the entries that it reads; the others
   * hold weights, and `read-through.ts` checks them while it reads the file for the hash.
   */
  readonly checksums: readonly Checksum[];
}

/** Limits of a checkpoint. */
const checkpointLimits = {
  /** The pickle of a CLIP with its optimiser has some 200 KB; logged losses may add some MB. */
  pickleBytes: 32 * 1024 * 1024,
  /**
   * Tensors may share bytes (tied weights, parts of a fused matrix), but reading all tensors to check them must not
   * mean reading the file a thousand times.
   */
  timesRead: 4,
} as const;

/**
 * Reads the contents of a checkpoint and their places, but no weights. No code in it runs: the pickle machine
 * interprets tensors, containers and numbers, and refuses everything else.
 *
 * @throws AntidoteError (data) that names the file, the finding and its byte
 */
export async function openPytorch(path: string): Promise<PytorchFile> {
  return withFile(path, 'a PyTorch checkpoint', async (file, size) => {
    const head = await readBytes(path, file, 0, Math.min(size, 2));
    // Every zip record begins so. The first record of an empty or split archive differs from a whole one's.
    const isZip = head.toString('latin1') === 'PK';
    return isZip ? openArchive(path, file, size) : openLegacy(path, file, size);
  });
}

async function openLegacy(path: string, file: FileHandle, size: number): Promise<PytorchFile> {
  const { value, offsets } = await readLegacy(path, file, size, checkpointLimits.pickleBytes);
  const { tensors, entry } = findStateDict(path, value);
  const stored = placeAll(path, size, tensors, ({ key }) => offsets.get(key)!);
  return { container: 'legacy', tensors: stored, entry, checksums: [] };
}

async function openArchive(path: string, file: FileHandle, size: number): Promise<PytorchFile> {
  const entries = await readZipDirectory(path, file, size);
  const root = rootOf(path, entries);
  // An archive written without checksums (`torch.serialization.set_crc32_options`) has zeros in their place.
  const checked = [...entries.values()].some(({ crc }) => crc !== 0);
  const read = async (entry: ZipEntry): Promise<Buffer> => {
    const where = `${path}: ${shown(entry.name)}`;
    if (entry.compressed) throw badData(where, 'a compressed entry', 'one that is stored as it is', 'save it again');
    const most = checkpointLimits.pickleBytes;
    if (entry.length > most) throw badData(where, `${entry.length} bytes`, `at most ${most}`);
    const bytes = await readBytes(path, file, entry.offset, entry.length);
    const crc = crc32(bytes);
    if (checked && crc !== entry.crc) throw badChecksum(path, entry, crc);
    return bytes;
  };
  const order = entries.get(`${root}/byteorder`);
  if (order && (await read(order)).toString('latin1') !== 'little')
    throw badData(
      path,
      'an archive of a big-endian machine',
      'numbers in little-endian order',
      'save it again elsewhere',
    );
  const isTorchScript = entries.has(`${root}/constants.pkl`);
  const dataEntry = (key: string) => entries.get(`${root}/data/${key}`);
  const storages = storagesOf((key) => (dataEntry(key)?.compressed === false ? dataEntry(key)?.length : undefined));
  const pickle = entries.get(`${root}/data.pkl`)!;
  const value = runWholePickle(path, await read(pickle), pickle.offset, isTorchScript, storages.resolve);
  const stateDict: StateDict = isTorchScript ? tensorsOfModules(path, value) : findStateDict(path, value);
  return {
    container: isTorchScript ? 'torchscript' : 'zip',
    tensors: placeAll(path, size, stateDict.tensors, ({ key }) => dataEntry(key)!.offset),
    entry: stateDict.entry,
    checksums: checked ? [...entries.values()].filter(({ compressed }) => !compressed) : [],
  };
}

/** The one folder of all entries, named after the file or `archive`. */
function rootOf(path: string, entries: ReadonlyMap<string, ZipEntry>): string {
  const roots = new Set([...entries.keys()].map((name) => name.slice(0, name.indexOf('/'))));
  const [root] = roots;
  if (root !== undefined && roots.size === 1 && entries.has(`${root}/data.pkl`)) return root;
  const names = [...entries.keys()].slice(0, 4).map(shown).join(', ');
  throw badData(
    path,
    `a zip archive of ${names}${entries.size > 4 ? ', ...' : ''}`,
    'one that torch.save wrote, with data.pkl in its only folder',
    'if a checkpoint is in there, unpack it first',
  );
}

function runWholePickle(
  path: string,
  bytes: Buffer,
  offset: number,
  isTorchScript: boolean,
  persistent: (id: PyValue, refuse: (found: string, expected: string) => Error) => PyValue,
): PyValue {
  const { value, end } = runPickle({ path, bytes, offset }, 0, {
    global: (module, name) => allowed(module, name, isTorchScript),
    reason: reasonAgainst,
    persistent,
  });
  if (end === bytes.length) return value;
  throw badData(path, `${bytes.length - end} bytes after the pickle, at byte ${offset + end}`, 'its end there');
}

function placeAll(
  path: string,
  size: number,
  tensors: StateDict['tensors'],
  offsetOf: (storage: PyStorage) => number,
): ReadonlyMap<string, StoredTensor> {
  const stored = new Map<string, StoredTensor>();
  const ranges = new Map<string, number>();
  for (const [name, tensor] of tensors) {
    const place = placed(path, name, tensor, offsetOf(tensor.storage));
    stored.set(name, place);
    ranges.set(`${place.offset} ${place.length}`, place.length);
  }
  const toRead = [...ranges.values()].reduce((sum, length) => sum + length, 0);
  if (toRead > checkpointLimits.timesRead * size)
    throw badData(
      path,
      `tensors of ${toRead} bytes in a file of ${size}`,
      'tensors that share less',
      'save them apart',
    );
  return stored;
}

/** The error for an entry whose bytes differ from those that were written. */
export function badChecksum(path: string, { name, crc }: Pick<Checksum, 'name' | 'crc'>, found: number): Error {
  const hex = (checksum: number) => checksum.toString(16).padStart(8, '0');
  return badData(
    `${path}: ${shown(name)}`,
    `the CRC-32 ${hex(found)}`,
    `${hex(crc)}, as when it was written`,
    'download it again',
  );
}
