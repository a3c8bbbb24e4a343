/**
 * @file The format of `torch.save` before PyTorch 1.6, still written on request: five pickles in a row, then the
 * storages (`_legacy_save` in `torch/serialization.py`).
 */
import type { FileHandle } from 'node:fs/promises';
import { badData } from '../../errors.ts';
import { readBytes } from '../../tensor/files/file-bytes.ts';
import { shown } from '../../tensor/safetensors-header.ts';
import { allowed, reasonAgainst } from './globals.ts';
import { type Interpretation, runPickle } from './pickle-machine.ts';
import { type Storages, storagesOf } from './storages.ts';
import { isKind, type PyStorage, type PyValue } from './values.ts';
import { windowed } from './windowed.ts';

/** The first pickle: a magic number. */
const magicNumber = 0x1950a86a20f9469cfc6cn;
/** The second: the version of this format, of which there is only one. */
const protocolVersion = 1001;

/** Before each storage: its number of elements. */
const countBytes = 8;

export interface Legacy {
  readonly value: PyValue;
  /** Offset of each storage in the file. */
  readonly offsets: ReadonlyMap<string, number>;
}

/**
 * @param mostBytes of the pickles together
 */
export async function readLegacy(path: string, file: FileHandle, size: number, mostBytes: number): Promise<Legacy> {
  const bytes = await readBytes(path, file, 0, Math.min(size, mostBytes));
  const storages = storagesOf();
  let at = 0;
  const next = (interpretation: Interpretation): PyValue => {
    const { value, end } = runPickle({ path, bytes, offset: 0 }, at, interpretation);
    at = end;
    return value;
  };
  const refuse = (found: string, expected: string, advice?: string) =>
    badData(path, `${found} before byte ${at}`, expected, advice);
  if (next(numbersOnly) !== magicNumber)
    throw refuse('a pickle without the mark of torch.save', 'a file that torch.save wrote', 'save it with torch.save');
  const version = next(numbersOnly);
  if (version !== protocolVersion) throw refuse('an unknown version of the file format', String(protocolVersion));
  const system = next(numbersOnly);
  if (!isKind(system, 'dict') || system.entries.get('little_endian') !== true)
    throw refuse(
      'a file of a big-endian machine',
      'numbers in little-endian order',
      'save it again on another machine',
    );
  const value = next({
    ...numbersOnly,
    global: (module, name) => allowed(module, name, false),
    persistent: storages.resolve,
  });
  const keys = next(numbersOnly);
  return { value, offsets: await readStorageTable(path, file, size, at, keys, storages) };
}

const numbersOnly: Interpretation = {
  global: () => undefined,
  reason: reasonAgainst,
  persistent: (_, refuse) => {
    throw refuse('a persistent id', 'numbers and names only');
  },
};

/** A CLIP with its optimiser has some 2,000; each costs a read of the file, unless small ones lie together. */
const mostStorages = 30_000;

/** The storages follow in the order of their keys, each after its number of elements, to the end of the file. */
async function readStorageTable(
  path: string,
  file: FileHandle,
  size: number,
  start: number,
  keys: PyValue,
  storages: Storages,
): Promise<ReadonlyMap<string, number>> {
  if (!isKind(keys, 'list')) throw badData(path, `no list of storages before byte ${start}`, 'one');
  if (keys.items.length > mostStorages)
    throw badData(path, `${keys.items.length} storages`, `at most ${mostStorages}`, 'it holds no CLIP');
  const read = windowed(path, file, size);
  const offsets = new Map<string, number>();
  let at = start;
  for (const key of keys.items) {
    const storage: PyStorage | undefined = typeof key === 'string' ? storages.byKey.get(key) : undefined;
    if (typeof key !== 'string' || storage === undefined || offsets.has(key))
      throw badData(path, 'a list of storages that differs from those in use', 'every storage once');
    const where = `${path}: storage ${shown(key)} at byte ${at}`;
    if (at + countBytes + storage.bytes > size)
      throw badData(
        where,
        `${Math.max(0, size - at)} bytes to the end`,
        `${countBytes + storage.bytes}`,
        'the file is cut short',
      );
    const count = (await read(at, countBytes)).readBigUInt64LE();
    const expected = storage.bytes / (storage.type?.bytes ?? 1);
    if (count !== BigInt(expected)) throw badData(where, `${count} elements`, `${expected}, as the pickle says`);
    offsets.set(key, at + countBytes);
    at += countBytes + storage.bytes;
  }
  const lost = [...storages.byKey.keys()].find((key) => !offsets.has(key));
  if (lost !== undefined) throw badData(path, `no storage ${shown(lost)}`, 'all storages that tensors use');
  if (at !== size) throw badData(path, `${size - at} bytes after the last storage`, 'the file to end there');
  return offsets;
}
