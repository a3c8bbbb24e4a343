/** @file Fuzzing of the readers of weights: real files, damaged in ways that get past the first checks. */
import { writeFileSync } from 'node:fs';
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { AntidoteError } from '../../errors.ts';
import { openSafetensors } from '../../tensor/safetensors.ts';
import { elements, type StoredTensor } from '../../tensor/tensor.ts';
import { type Entry, entriesOf, legacyOf, op, pickleOf, raw, tensorOps, zipOf } from './archive.test-support.ts';
import { opcodes } from './opcodes.ts';
import { openPytorch } from './open-pytorch.ts';
import { readZipDirectory } from './zip-directory.ts';

export interface Seed {
  readonly name: string;
  readonly bytes: Buffer;
  /** Of a zip archive: its entries, so that it can be rebuilt with right checksums around damaged content. */
  readonly entries: readonly Entry[] | undefined;
  readonly open: (path: string) => Promise<{ readonly tensors: ReadonlyMap<string, StoredTensor> }>;
}

const fixtures = fileURLToPath(new URL('../../../test/fixtures/pytorch', import.meta.url));

/** The files of all versions of PyTorch, safetensors, and handmade ones small enough for damage anywhere. */
export async function seeds(): Promise<Seed[]> {
  const found: Seed[] = [];
  for (const file of (await readdir(fixtures, { recursive: true })).sort()) {
    const path = join(fixtures, file);
    if (file.endsWith('.pt')) found.push(await pytorchSeed(file, await readFile(path), path));
    if (file.endsWith('.safetensors'))
      found.push({ name: file, bytes: await readFile(path), entries: undefined, open: openSafetensors });
  }
  for (const protocol of [3, 5])
    found.push(asProtocol(protocol, found.find(({ name }) => name === '2.1/protocol-4.pt')!));
  const weights = op.dict({ weight: tensorOps(), bias: tensorOps({ shape: [6], strides: [1] }) });
  const entries = entriesOf(pickleOf(weights));
  const small = { name: 'small', bytes: zipOf(entries, { zip64: true }), entries, open: openPytorch };
  const legacy = { name: 'small legacy', bytes: legacyOf(weights), entries: undefined, open: openPytorch };
  return [...found, small, small, small, legacy, legacy, textSeed()];
}

/** The same archive with its pickle in another protocol: the opcodes differ, the values do not. */
function asProtocol(protocol: number, { name, entries = [] }: Seed): Seed {
  const changed = entries.map((entry) =>
    entry.name.endsWith('/data.pkl')
      ? { ...entry, data: Buffer.concat([Buffer.of(0x80, protocol), entry.data.subarray(2)]) }
      : entry,
  );
  return { name: `${name} as protocol ${protocol}`, bytes: zipOf(changed), entries: changed, open: openPytorch };
}

/** Protocol 0: numbers and strings are lines of text. PyTorch's storages need one opcode of protocol 1. */
function textSeed(): Seed {
  const line = (opcode: string, value: string | number) => `${opcode}${value}\n`;
  const tuple = (...items: readonly string[]) => `(${items.join('')}t`;
  const storage = tuple(
    ...[line('V', 'storage'), op.global('torch', 'FloatStorage'), line('V', '0'), line('S', "'cpu'"), line('I', 6)],
  );
  const sizes = [tuple(line('I', 2), line('L', '3L')), tuple(line('L', '3L'), line('I', 1))];
  const hooks = `${op.global('collections', 'OrderedDict')}(tR`;
  const args = tuple(`${storage}Q`, line('I', 0), ...sizes, line('I', '00'), hooks);
  const tensor = `${op.global('torch._utils', '_rebuild_tensor_v2')}${args}R`;
  const entries = entriesOf(raw(`(d${line('p', 0)}${line('V', 'weight')}${tensor}s.`));
  return { name: 'small in text', bytes: zipOf(entries), entries, open: openPytorch };
}

async function pytorchSeed(name: string, bytes: Buffer, path: string): Promise<Seed> {
  if (!bytes.subarray(0, 2).equals(raw('PK'))) return { name, bytes, entries: undefined, open: openPytorch };
  const file = await open(path);
  const directory = await readZipDirectory(path, file, bytes.length).finally(() => file.close());
  const entries = [...directory.values()]
    .filter(({ compressed }) => !compressed)
    .map(({ name, offset, length }) => ({ name, data: bytes.subarray(offset, offset + length) }));
  return { name, bytes, entries, open: openPytorch };
}

/** One change; places and lengths are taken modulo the size. */
export interface Edit {
  readonly kind: 'flip' | 'set' | 'number' | 'opcode' | 'delete' | 'double' | 'copy' | 'cut' | 'call';
  readonly at: number;
  readonly from: number;
  readonly length: number;
  readonly value: number;
}

export interface Case {
  readonly seed: number;
  /** The damaged part: the whole file, or one entry of an archive that is then rebuilt. */
  readonly target: 'file' | 'pickle' | 'entry';
  readonly edits: readonly Edit[];
}

const telling = [0, 1, 2, 7, 127, 128, 255, 256, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];

export const edits: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constantFrom('flip', 'set', 'number', 'opcode', 'delete', 'double', 'copy', 'cut', 'call'),
  at: fc.nat(),
  from: fc.nat(),
  length: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 300 })),
  value: fc.oneof(fc.constantFrom(...telling), fc.nat(255)),
});

export function cases(seedCount: number): fc.Arbitrary<Case> {
  return fc.record({
    seed: fc.nat(seedCount - 1),
    target: fc.constantFrom('file', 'pickle', 'entry'),
    edits: fc.array(edits, { minLength: 1, maxLength: 4 }),
  });
}

const opcodeBytes = Object.values(opcodes);
const calls = [
  'cos\nsystem\n)R',
  'cbuiltins\neval\nX\x01\0\0\x001\x85R',
  '(ios\nsystem\n',
  'ctorch\ndevice\n)R',
  'P0\n',
].map(raw);

export function edited(bytes: Buffer, { kind, at, from, length, value }: Edit): Buffer {
  if (bytes.length === 0) return bytes;
  const place = at % bytes.length;
  const [before, after] = [bytes.subarray(0, place), bytes.subarray(place)];
  const source = bytes.subarray(from % bytes.length, (from % bytes.length) + length);
  const changed = Buffer.from(bytes);
  switch (kind) {
    case 'flip':
      changed[place]! ^= 1 << (value % 8);
      return changed;
    case 'set':
      changed[place] = value;
      return changed;
    case 'number':
      for (let i = 0; i < 4 && place + i < bytes.length; i++) changed[place + i] = (value >>> (8 * i)) & 255;
      return changed;
    case 'opcode':
      changed[place] = opcodeBytes[value % opcodeBytes.length]!;
      return changed;
    case 'delete':
      return Buffer.concat([before, after.subarray(length)]);
    case 'double':
      return Buffer.concat([before, after.subarray(0, length), after]);
    case 'copy':
      source.copy(changed, place);
      return changed;
    case 'cut':
      return before;
    case 'call':
      return Buffer.concat([before, calls[value % calls.length]!, after]);
  }
}

export function bytesOf({ bytes, entries }: Seed, { target, edits }: Case): Buffer {
  if (target === 'file' || entries === undefined) return edits.reduce(edited, bytes);
  const isPickle = ({ name }: Entry) => name.endsWith('/data.pkl');
  const chosen = target === 'pickle' ? entries.findIndex(isPickle) : edits[0]!.from % entries.length;
  return zipOf(
    entries.map((entry, i) => (i === chosen ? { ...entry, data: edits.reduce(edited, entry.data) } : entry)),
  );
}

const bytesPerElement: Readonly<Record<StoredTensor['dtype'], number>> = {
  ...{ float64: 8, int64: 8, float32: 4, int32: 4, float16: 2, bfloat16: 2, int16: 2, int8: 1, uint8: 1, bool: 1 },
};

/** Result of a batch of cases. */
export interface Outcome {
  readonly read: number;
  readonly refused: number;
  /** Processor time of the whole batch, which does not depend on how busy the machine is. */
  readonly milliseconds: number;
}

/**
 * Writes damaged files and opens them, all at the same time: one by one they would mostly wait for the disk. For any
 * content the result is either an `AntidoteError` of fault `data`, or tensors whose bytes all lie in the file; and the
 * whole batch takes less than a second.
 */
export async function check(files: readonly Seed[], batch: readonly Case[], folder: string): Promise<Outcome> {
  const made = batch.map((damaged, i) => {
    const seed = files[damaged.seed]!;
    const path = join(folder, `${i}.pt`);
    const bytes = bytesOf(seed, damaged);
    writeFileSync(path, bytes);
    return { seed, path, size: bytes.length };
  });
  const began = process.cpuUsage();
  const opened = await Promise.all(made.map(({ seed, path }) => seed.open(path).catch((error: unknown) => error)));
  const { user, system } = process.cpuUsage(began);
  const milliseconds = (user + system) / 1000;
  const names = made.map(({ seed }) => seed.name).join(', ');
  if (milliseconds > 1000) throw new Error(`${names}: took ${milliseconds} ms`);
  const read = opened.filter((result, i) => isRead(result, made[i]!)).length;
  return { read, refused: batch.length - read, milliseconds };
}

type Opened = Awaited<ReturnType<Seed['open']>>;

/** False for a proper refusal; throws for anything but that and a proper result. */
function isRead(result: unknown, { seed, path, size }: { seed: Seed; path: string; size: number }): boolean {
  if (result instanceof AntidoteError && result.fault === 'data' && result.where.startsWith(path)) return false;
  if (result instanceof Error) throw result;
  for (const [name, tensor] of (result as Opened).tensors) {
    const { dtype, shape, offset, length, axes } = tensor;
    const whole = [offset, length, ...shape].every((number) => Number.isSafeInteger(number) && number >= 0);
    const order = [...(axes ?? shape.keys())].sort((a, b) => a - b);
    const permutes = order.length === shape.length && order.every((axis, i) => axis === i);
    const fits = length === elements(shape) * bytesPerElement[dtype] && offset + length <= size;
    if (tensor.path !== path || !whole || !permutes || !fits)
      throw new Error(`${seed.name}: tensor ${JSON.stringify(name)} is ${JSON.stringify(tensor)}`);
  }
  return true;
}
