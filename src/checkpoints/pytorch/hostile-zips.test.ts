import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../tensor/files/temporary-folder.test-support.ts';
import { readTensor } from '../../tensor/safetensors.ts';
import { readThrough } from '../read-through.ts';
import { openWeights } from '../weights.ts';
import {
  type Ending,
  type Entry,
  entriesOf,
  honestPickle,
  op,
  pickleOf,
  raw,
  savingIn,
  sixFloats,
  tensorOps,
  zipOf,
} from './archive.test-support.ts';
import { openPytorch, type PytorchFile } from './open-pytorch.ts';
import { refusalsIn } from './refusal.test-support.ts';

const folder = temporaryFolder();
const saved = savingIn(folder);
const { refusalOf: refusal } = refusalsIn(folder);

/** An honest checkpoint, some of whose entries are replaced. */
function withEntries(changes: Readonly<Record<string, Partial<Entry>>>, ending?: Ending, more: Entry[] = []): Buffer {
  const entries = entriesOf(honestPickle).map((entry) => ({ ...entry, ...changes[entry.name.slice(8)] }));
  return zipOf([...entries, ...more], ending);
}

async function opened(bytes: Buffer): Promise<PytorchFile> {
  return openPytorch(await saved(bytes));
}

const data = 'data/0';

test('an honest archive is read, with and without zip64, with descriptors of all four sizes', async () => {
  const descriptor = (bytes: 4 | 8, signed: boolean) => {
    const parts = [Buffer.alloc(signed ? 4 : 0), Buffer.alloc(4), Buffer.alloc(bytes), Buffer.alloc(bytes)];
    if (signed) parts[0]!.writeUInt32LE(0x08074b50);
    parts[1]!.writeUInt32LE(crc32(sixFloats));
    parts[2]![0] = parts[3]![0] = sixFloats.length;
    return Buffer.concat(parts);
  };
  const flags = (1 << 11) | (1 << 3);
  const unsaid = { local: { flags, crc: 0, packed: 0, unpacked: 0 }, central: { flags } };
  const archives = [
    withEntries({}),
    withEntries({}, { zip64: true }),
    ...[descriptor(4, true), descriptor(4, false), descriptor(8, true), descriptor(8, false)].map((after) =>
      withEntries({ [data]: { ...unsaid, after } }),
    ),
  ];
  for (const archive of archives) {
    const { container, tensors } = await opened(archive);
    expect(container).toBe('zip');
    expect([...(await readTensor(tensors.get('weight')!)).data]).toEqual([1, 2, 3, 4, 5, 6]);
  }
});

test('duplicate names are refused: readers would disagree on which one counts', async () => {
  const second = { name: 'archive/data.pkl', data: pickleOf('cos\nsystem\n)R') };
  expect(await refusal(withEntries({}, {}, [second]))).toContain('two entries called "archive/data.pkl"');
  expect(await refusal(withEntries({ version: { name: 'archive/data/0' } }))).toContain('two entries called');
});

test('names that differ only in case are refused: PyTorch does not distinguish them', async () => {
  const second = { name: 'archive/DATA.pkl', data: pickleOf('cos\nsystem\n)R') };
  expect(await refusal(withEntries({}, {}, [second]))).toContain('two entries called "archive/DATA.pkl", whatever');
});

test('a name whose bytes differ is another name, also where both would be shown alike', async () => {
  const archive = withEntries({}, {}, [{ name: 'archive/\uFFFD', data: Buffer.alloc(0) }]);
  const local = archive.indexOf(raw('\xef\xbf\xbd'));
  archive.set([0xf0, 0x90, 0x80], local);
  expect(await refusal(archive)).toContain('another name in the header');
});

test('the directory and an entry of another name, flags, method, length or checksum are refused', async () => {
  const lies: [Entry['local'], string][] = [
    [{ name: 'archive/data/1' }, 'another name in the header of entry "archive/data/0"'],
    [{ name: 'archive/data/00' }, 'another name'],
    [{ flags: 0 }, 'other flags'],
    [{ method: 8 }, 'another compression method'],
    [{ crc: 1 }, 'another length or checksum'],
    [{ packed: 23 }, 'another length or checksum'],
    [{ unpacked: 25 }, 'another length or checksum'],
    [{ crc: 0, packed: 0, unpacked: 0 }, 'another length or checksum'],
  ];
  for (const [local, message] of lies)
    expect(await refusal(withEntries({ [data]: { local: local! } }))).toContain(message);
});

test('data descriptor lies are refused: a missing, a wrong and an unannounced one', async () => {
  const flags = (1 << 11) | (1 << 3);
  const unsaid = { local: { flags, crc: 0, packed: 0, unpacked: 0 }, central: { flags } };
  const after = Buffer.alloc(12);
  expect(await refusal(withEntries({ [data]: unsaid }))).toContain('0 bytes after entry "archive/data/0"');
  expect(await refusal(withEntries({ [data]: { ...unsaid, after } }))).toContain('expected a data descriptor');
  expect(await refusal(withEntries({ [data]: { ...unsaid, after: Buffer.alloc(13) } }))).toContain('13 bytes after');
  expect(await refusal(withEntries({ [data]: { after } }))).toContain('expected the next entry');
});

test('compressed entries and bombs are refused wherever something would be read from them, unread elsewhere', async () => {
  const bomb = deflateRawSync(Buffer.alloc(50_000_000));
  const packed = { method: 8, crc: 0, unpacked: 50_000_000 };
  const compressed = { data: bomb, local: packed, central: packed };
  expect(await refusal(withEntries({ 'data.pkl': compressed }))).toContain(
    '"archive/data.pkl": found a compressed entry',
  );
  expect(await refusal(withEntries({ byteorder: compressed }))).toContain(
    '"archive/byteorder": found a compressed entry',
  );
  expect(await refusal(withEntries({ [data]: compressed }))).toContain('storage "0", which is not in the file');
  const code = { name: 'archive/code/__torch__.py', ...compressed };
  expect((await opened(withEntries({}, {}, [code]))).tensors.size).toBe(1);
});

test('other compression methods, encryption and lengths that differ without compression are refused', async () => {
  for (const method of [1, 9, 12, 14, 93, 99])
    expect(await refusal(withEntries({ [data]: { local: { method }, central: { method } } }))).toContain(
      `compression method ${method}`,
    );
  for (const flags of [1, 1 << 6, 1 << 13])
    expect(await refusal(withEntries({ [data]: { local: { flags }, central: { flags } } }))).toContain('flags 0x');
  const unpacked = 240;
  expect(await refusal(withEntries({ [data]: { local: { unpacked }, central: { unpacked } } }))).toContain(
    '24 bytes for 240 uncompressed ones',
  );
});

test('path escapes are refused', async () => {
  const names = [
    '../data/0',
    'archive/../../x',
    '/etc/passwd',
    'C:/x',
    'archive\\x',
    'archive/x\0y',
    './x',
    'a/./b',
    '',
  ];
  for (const name of names) {
    const message = await refusal(withEntries({}, {}, [{ name, data: Buffer.alloc(0) }]));
    expect(message).toContain('a path that stays within the archive');
  }
});

test('archives of several folders, of none and without data.pkl are refused, and their content is named', async () => {
  expect(await refusal(withEntries({}, {}, [{ name: 'other/x', data: raw('x') }]))).toContain('a zip archive of');
  expect(await refusal(zipOf([{ name: 'epoch_64.pt', data: raw('x') }]))).toContain('a zip archive of "epoch_64.pt"');
  expect(await refusal(zipOf([{ name: 'a/b.pt', data: raw('x') }]))).toContain('unpack it first');
  expect(await refusal(zipOf([{ name: 'data.pkl', data: honestPickle }]))).toContain('data.pkl in its only folder');
});

test('trailing and prepended data are refused', async () => {
  expect(await refusal(withEntries({}, { after: raw('x') }))).toContain('something was appended');
  const twice = Buffer.concat([withEntries({}), withEntries({})]);
  expect(await refusal(twice)).toContain('something was put before the archive');
  // Offsets made right for what was put in front: then the first entry is not at the start.
  const before = raw('PK\x03\x04 and a program');
  expect(await refusal(withEntries({}, { before }))).toContain('expected it at byte 0');
});

test('bytes between entries and before the directory are refused: nothing can hide there', async () => {
  expect(await refusal(withEntries({ [data]: { after: raw('hidden') } }))).toContain('6 bytes after entry');
  expect(await refusal(withEntries({ version: { after: raw('hidden') } }))).toContain('6 bytes after entry');
});

test('overlapping entries are refused, also when one hides in another', async () => {
  const overlap = /entries overlap|too little room in the header/;
  const header = withEntries({}).indexOf(raw('archive/data/0')) - 30;
  expect(await refusal(withEntries({ version: { central: { header } } }))).toMatch(overlap);
  const hidden = zipOf([{ name: 'archive/version', data: raw('3\n') }]).subarray(0, 47);
  const outer = { data: Buffer.concat([sixFloats, hidden]) };
  const inside = withEntries({ [data]: outer }).indexOf(hidden);
  expect(await refusal(withEntries({ [data]: outer, version: { central: { header: inside } } }))).toMatch(overlap);
});

test('entries beyond the end of the file are refused', async () => {
  const far = { central: { packed: 0xfffffff0, unpacked: 0xfffffff0 } };
  expect(await refusal(withEntries({ [data]: far }))).toContain('4294967280 bytes from byte');
  expect(await refusal(withEntries({ [data]: { central: { header: 0xfffffff0 } } }))).toContain('from byte 4294967280');
});

test('CRC mismatch is refused, with both values: of the pickle on opening, of a tensor in the pass that hashes the file', async () => {
  const crc = 12345;
  const wrong = { local: { crc }, central: { crc } };
  const said = (entry: string, bytes: Buffer) =>
    `"archive/${entry}": found the CRC-32 ${crc32(bytes).toString(16).padStart(8, '0')}, expected 00003039, as when`;
  expect(await refusal(withEntries({ 'data.pkl': wrong }))).toContain(said('data.pkl', honestPickle));
  const path = await saved(withEntries({ [data]: wrong }));
  const { checksums } = await openPytorch(path);
  await expect(readThrough(path, [], checksums)).rejects.toThrow(said('data/0', sixFloats));
  const good = await saved(withEntries({}));
  expect((await readThrough(good, [], (await openPytorch(good)).checksums)).sha256).toMatch(/^[0-9a-f]{64}$/);
});

test('zip64 lies are refused: counts, sizes and places that differ, records elsewhere, fields that are not needed', async () => {
  const end64 = (patch: (ending: Buffer) => void) => refusal(withEntries({}, { zip64: true, patch }));
  const contradicts = 'contradicts itself';
  for (const offset of [4, 16, 20, 24, 32, 56 + 4, 56 + 8, 56 + 16])
    expect(await end64((ending) => ending.writeUInt8(ending[offset]! ^ 1, offset))).toContain(contradicts);
  for (const offset of [40, 48])
    expect(await end64((ending) => ending.writeUInt8(ending[offset]! ^ 1, offset))).toContain(contradicts);
  expect(await end64((ending) => ending.fill(0xff, 24, 40))).toContain('the number 18446744073709551615');
  const plain = (offset: number, value: number) =>
    refusal(withEntries({}, { patch: (ending) => ending.writeUInt16LE(value, offset) }));
  expect(await plain(8, 0xffff)).toContain(contradicts);
  expect(await plain(10, 0xffff)).toContain(contradicts);
  expect(await plain(4, 1)).toContain(contradicts);
  expect(await plain(8, 3)).toContain(contradicts);
  expect(await plain(12, 1)).toContain('a directory of 1 bytes');
  expect(await plain(20, 5)).toContain('no end of a zip directory');

  const field = (values: readonly bigint[], id = 1) => {
    const bytes = Buffer.alloc(4 + 8 * values.length);
    bytes.writeUInt16LE(id);
    bytes.writeUInt16LE(8 * values.length, 2);
    for (const [i, value] of values.entries()) bytes.writeBigUInt64LE(value, 4 + 8 * i);
    return bytes;
  };
  const extra = (bytes: Buffer, more: Entry['central'] = {}) =>
    refusal(withEntries({ [data]: { central: { extra: bytes, ...more } } }));
  expect(await extra(field([24n]))).toContain('a zip64 field that is not needed');
  expect(await extra(Buffer.alloc(0), { packed: 0xffffffff })).toContain('no zip64 field for a length');
  expect(await extra(field([24n]), { packed: 0xffffffff, unpacked: 0xffffffff })).toContain('no zip64 field');
  expect(await extra(Buffer.concat([field([24n]), field([24n])]), { packed: 0xffffffff })).toContain(
    'two zip64 fields',
  );
  expect(await extra(field([2n ** 63n]), { packed: 0xffffffff })).toContain('the number 9223372036854775808');
  expect(await extra(field([23n]), { packed: 0xffffffff })).toContain('23 bytes for 24');
  expect(await extra(field([1n], 0x7075))).toContain('a second name');
  expect(await extra(raw('\x01\x00\xff\xff'))).toContain('an extra field that is cut short');
  const honest = withEntries({
    [data]: { central: { extra: field([24n, 24n]), packed: 0xffffffff, unpacked: 0xffffffff } },
  });
  expect((await opened(honest)).tensors.get('weight')?.length).toBe(24);
});

test('an archive whose weights lie beyond 4 GiB is read by its zip64 fields', async () => {
  const gap = 5 * 2 ** 30;
  const long = Buffer.alloc(20);
  long.writeUInt16LE(1);
  long.writeUInt16LE(16, 2);
  long.writeBigUInt64LE(BigInt(gap), 4);
  long.writeBigUInt64LE(BigInt(gap), 12);
  const saturated = { packed: 0xffffffff, unpacked: 0xffffffff, crc: 7, extra: long };
  const offsetField = (value: number) => {
    const extra = Buffer.alloc(12);
    extra.writeUInt16LE(1);
    extra.writeUInt16LE(8, 2);
    extra.writeBigUInt64LE(BigInt(value), 4);
    return { header: 0xffffffff, extra };
  };
  // Built without its 5 GiB, which are then inserted as a sparse hole.
  const entries = entriesOf(honestPickle);
  const big: Entry = { name: 'archive/data/1', data: Buffer.alloc(0), local: saturated, central: saturated };
  const first = zipOf([entries[0]!, entries[1]!, big]);
  const bigStart = first.indexOf(raw('archive/data/1')) + 'archive/data/1'.length + long.length;
  const tail: Entry[] = entries.slice(2);
  let header = bigStart + gap;
  const placed = tail.map((entry) => {
    const central = offsetField(header);
    header += 30 + entry.name.length + entry.data.length;
    return { ...entry, central };
  });
  const all = zipOf([entries[0]!, entries[1]!, big, ...placed], {
    zip64: true,
    patch: (ending) => {
      const start = Number(ending.readBigUInt64LE(48)) + gap;
      ending.writeBigUInt64LE(BigInt(start), 48);
      ending.writeBigUInt64LE(BigInt(start) + ending.readBigUInt64LE(40), 64);
      ending.writeUInt32LE(0xffffffff, 76 + 16);
    },
  });
  const path = join(folder(), 'large.pt');
  const file = await open(path, 'w');
  await file.write(all, 0, bigStart, 0);
  await file.write(all, bigStart, all.length - bigStart, bigStart + gap);
  await file.close();
  const { tensors } = await openPytorch(path);
  const weight = tensors.get('weight')!;
  expect(weight.offset).toBeGreaterThan(gap);
  expect([...(await readTensor(weight)).data]).toEqual([1, 2, 3, 4, 5, 6]);
});

test('an empty and a split archive are refused by the archive reader, not by the pickle reader', async () => {
  const empty = zipOf([]);
  expect(await refusal(empty)).toContain('found an empty zip archive, expected one that torch.save wrote');
  await expect(openWeights(await saved(empty))).rejects.toThrow('an empty zip archive');
  expect(await refusal(withEntries({}, { before: raw('PK\x07\x08') }))).toContain('expected it at byte 0');
  expect(await refusal(withEntries({}).subarray(0, 20))).toContain('no end of a zip directory');
});

test('comments, disks and too many entries are refused', async () => {
  expect(await refusal(withEntries({ [data]: { central: { comment: 'hidden' } } }))).toContain('a comment of entry');
  const many = Array.from({ length: 30_001 }, (_, i) => ({ name: `archive/data/${i}`, data: Buffer.alloc(0) }));
  expect(await refusal(zipOf(many))).toContain('30001 entries');
});

test('an archive that is cut short anywhere is refused', async () => {
  const whole = withEntries({}, { zip64: true });
  for (let length = 4; length < whole.length; length += 5) await refusal(whole.subarray(0, length));
});

test('numbers in big-endian order are refused, with advice to save them again', async () => {
  expect(await refusal(withEntries({ byteorder: { data: raw('big') } }))).toContain('big-endian machine');
});

test('a storage whose length in the directory differs from that in the pickle is refused', async () => {
  const eight = { 0: Buffer.concat([sixFloats, sixFloats.subarray(0, 8)]) };
  expect(await refusal(zipOf(entriesOf(pickleOf(op.dict({ weight: tensorOps() })), eight)))).toContain(
    'storage "0" of 24 bytes',
  );
});
