import { execFileSync } from 'node:child_process';
import { readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { AntidoteError } from '../errors.ts';
import { temporaryFolder } from './files/temporary-folder.test-support.ts';
import { randomFor } from './random.ts';
import { openSafetensors, readTensor, writeSafetensors } from './safetensors.ts';
import { limits } from './safetensors-header.ts';
import { float32, int64, type Tensor } from './tensor.ts';

const folder = temporaryFolder();
let files = 0;

/** A file with any header, true or false, and `data` bytes after it. */
async function fileWith(
  header: unknown,
  data: number | Uint8Array = 0,
  headerLength?: number | bigint,
): Promise<string> {
  const path = join(folder(), `${files++}.safetensors`);
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(headerLength ?? text.length));
  await writeFile(path, Buffer.concat([length, text, typeof data === 'number' ? Buffer.alloc(data) : data]));
  return path;
}

const entry = (dtype: string, shape: unknown, offsets: unknown) => ({ dtype, shape, data_offsets: offsets });

async function refusal(path: string): Promise<string> {
  const error = await openSafetensors(path).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(error instanceof AntidoteError)) throw new Error(`expected a refusal, found ${error}`);
  expect(error.fault).toBe('data');
  expect(error.message).toContain(path);
  return error.message.replaceAll(path, 'FILE');
}

test('what is written is read back: names, types, shapes, numbers, metadata', async () => {
  const path = join(folder(), 'round-trip.safetensors');
  const tensors: Record<string, Tensor> = {
    weight: float32([1, -2.5, 3e-40, Number.POSITIVE_INFINITY, Number.NaN, -0], [2, 3]),
    ids: int64([-1, 2 ** 40], [2]),
    'größe "quoted" \\': { dtype: 'int32', shape: [3], data: Int32Array.of(1, -2, 3) },
    pixels: { dtype: 'uint8', shape: [1, 5], data: Uint8Array.of(0, 1, 2, 254, 255) },
    mask: { dtype: 'bool', shape: [3], data: Uint8Array.of(0, 1, 1) },
    scalar: float32([4.5], []),
    empty: float32([], [0, 7]),
    constructor: float32([1], [1]),
    '7': float32([7], [1]),
    view: float32(Float32Array.of(1, 2, 3, 4).subarray(1, 3), [2]),
  };
  await writeSafetensors(path, tensors, { format: 'pt', note: 'äöü' });
  const file = await openSafetensors(path);
  expect(file.metadata).toEqual({ format: 'pt', note: 'äöü' });
  expect([...file.tensors.keys()].sort()).toEqual(Object.keys(tensors).sort());
  for (const [name, tensor] of Object.entries(tensors)) {
    const { dtype, shape, data } = await readTensor(file.tensors.get(name)!);
    expect({ dtype, shape, numbers: [...data] }).toEqual({ dtype, shape: tensor.shape, numbers: [...tensor.data] });
  }
});

test('half, bfloat16 and double precision are widened to float32, small integers to int32', async () => {
  const doubles = new Uint8Array(Float64Array.of(1 / 3).buffer);
  const data = Buffer.concat([doubles, Uint8Array.of(0x00, 0x3c, 0x80, 0x3f, 0xfe, 0xff, 0xfd)]);
  const path = await fileWith(
    {
      double: entry('F64', [1], [0, 8]),
      half: entry('F16', [1], [8, 10]),
      brain: entry('BF16', [1], [10, 12]),
      short: entry('I16', [1], [12, 14]),
      byte: entry('I8', [1], [14, 15]),
    },
    data,
  );
  const { tensors } = await openSafetensors(path);
  const read = async (name: string) => readTensor(tensors.get(name)!);
  expect(await read('double')).toEqual(float32([1 / 3], [1]));
  expect(await read('half')).toEqual(float32([1], [1]));
  expect(await read('brain')).toEqual(float32([1], [1]));
  expect(await read('short')).toEqual({ dtype: 'int32', shape: [1], data: Int32Array.of(-2) });
  expect(await read('byte')).toEqual({ dtype: 'int32', shape: [1], data: Int32Array.of(-3) });
});

test('float16 is written unchanged', async () => {
  const path = join(folder(), 'half.safetensors');
  await writeSafetensors(path, { half: { dtype: 'float16', shape: [2], data: Uint16Array.of(0x3c00, 0xc000) } });
  const { tensors } = await openSafetensors(path);
  expect(tensors.get('half')).toMatchObject({ dtype: 'float16', length: 4 });
  expect(await readTensor(tensors.get('half')!)).toEqual(float32([1, -2], [2]));
});

test('the order of the given tensors does not change the bytes', async () => {
  const [a, b] = [join(folder(), 'a.safetensors'), join(folder(), 'b.safetensors')];
  const [x, y, z] = [float32([1, 2], [2]), int64([3], [1]), float32([4], [1])];
  await writeSafetensors(a, { x, y, z }, { p: '1', q: '2' });
  await writeSafetensors(b, { z, y, x }, { q: '2', p: '1' });
  expect(await readFile(a)).toEqual(await readFile(b));
});

test('every tensor lies at a multiple of its element size, for any names', async () => {
  for (const name of ['a', 'ab', 'abc', 'abcdefg']) {
    const path = join(folder(), 'aligned.safetensors');
    await writeSafetensors(path, {
      [name]: { dtype: 'uint8', shape: [3], data: Uint8Array.of(1, 2, 3) },
      f: float32([1], [1]),
      i: int64([1], [1]),
      h: { dtype: 'float16', shape: [1], data: Uint16Array.of(1) },
    });
    const { tensors } = await openSafetensors(path);
    for (const { offset, length, shape } of tensors.values()) expect(offset % (length / shape[0]!)).toBe(0);
  }
});

test('a file without tensors is a file', async () => {
  expect((await openSafetensors(await fileWith('{}'))).tensors.size).toBe(0);
  expect((await openSafetensors(await fileWith(' { "__metadata__" : { } } \n'))).metadata).toEqual({});
});

test('a pipe is refused without waiting', async (context) => {
  if (process.platform === 'win32') return context.skip('needs named pipes');
  const path = join(folder(), 'pipe');
  execFileSync('mkfifo', [path]);
  expect(await refusal(path)).toMatch('a device or pipe');
});

test('a missing file, a folder, an empty file and one that is cut in its length are refused by name', async () => {
  expect(await refusal(join(folder(), 'missing'))).toMatch('FILE: found no such file');
  expect(await refusal(folder())).toMatch('FILE: found a folder');
  const path = join(folder(), 'short');
  await writeFile(path, Buffer.alloc(7));
  expect(await refusal(path)).toMatch('only 7 bytes');
});

test('header bomb: a length beyond the limit is refused before anything is allocated', async () => {
  expect(await refusal(await fileWith('{}', 0, 2n ** 64n - 1n))).toMatch('a header of 18446744073709551615 bytes');
  expect(await refusal(await fileWith('{}', 0, limits.headerBytes + 1))).toMatch('more than 100000000');
});

test('header bomb: a length beyond the end of the file is refused', async () => {
  expect(await refusal(await fileWith('{}', 0, limits.headerBytes))).toMatch('cut short');
});

test('nesting bomb: a header of brackets is refused without recursion', async () => {
  expect(await refusal(await fileWith('['.repeat(1_000_000)))).toMatch('"["');
  expect(await refusal(await fileWith(`{"a":${'{"a":'.repeat(100_000)}`))).toMatch(
    'the key \\"a\\"'.replaceAll('\\', ''),
  );
  expect(await refusal(await fileWith(`{"a":{"shape":${'['.repeat(100_000)}`))).toMatch('whole number');
});

test('axis bomb and name bomb: more axes than any tensor has and names as long as books are refused', async () => {
  expect(await refusal(await fileWith({ a: entry('U8', Array(17).fill(1), [0, 1]) }, 1))).toMatch('more than 16 items');
  expect(await refusal(await fileWith({ ['a'.repeat(1025)]: entry('U8', [1], [0, 1]) }, 1))).toMatch('1025 characters');
});

test('note bomb and tensor bomb: too many of either are refused as soon as the limit is passed', async () => {
  const many = (count: number, value: string) =>
    `{${Array.from({ length: count }, (_, i) => `"${i}":${value}`).join(',')}}`;
  expect(await refusal(await fileWith(`{"__metadata__":${many(limits.metadata + 1, '""')}}`))).toMatch(
    'more than 10000 notes',
  );
  const empty = '{"dtype":"U8","shape":[0],"data_offsets":[0,0]}';
  expect(await refusal(await fileWith(many(limits.tensors + 1, empty)))).toMatch('more than 100000 tensors');
});

test('offsets past the end of the file, before the start and the wrong way round are refused', async () => {
  expect(await refusal(await fileWith({ a: entry('F32', [2], [0, 8]) }, 7))).toMatch('cut short');
  expect(await refusal(await fileWith({ a: entry('F32', [1], [2 ** 52, 2 ** 52 + 4]) }, 8))).toMatch('unused bytes');
  expect(await refusal(await fileWith({ a: entry('U8', [1], [-1, 0]) }, 1))).toMatch('whole number');
  expect(await refusal(await fileWith({ a: entry('U8', [0], [1, 0]) }, 1))).toMatch('tensor "a"');
});

test('overlapping tensors are refused, also when one hides in another', async () => {
  const overlap = { a: entry('U8', [4], [0, 4]), b: entry('U8', [4], [2, 6]) };
  expect(await refusal(await fileWith(overlap, 6))).toMatch('tensor "b": found bytes that belong to another tensor');
  const inside = { a: entry('U8', [4], [0, 4]), b: entry('U8', [2], [1, 3]) };
  expect(await refusal(await fileWith(inside, 4))).toMatch('tensor "b"');
  const same = { a: entry('U8', [4], [0, 4]), b: entry('U8', [4], [0, 4]) };
  expect(await refusal(await fileWith(same, 4))).toMatch('belong to another tensor');
});

test('bytes that no tensor owns, before, between and after, are refused: nothing can hide there', async () => {
  expect(await refusal(await fileWith({ a: entry('U8', [1], [1, 2]) }, 2))).toMatch('unused bytes before it');
  const gap = { a: entry('U8', [1], [0, 1]), b: entry('U8', [1], [2, 3]) };
  expect(await refusal(await fileWith(gap, 3))).toMatch('tensor "b": found unused bytes');
  expect(await refusal(await fileWith({ a: entry('U8', [1], [0, 1]) }, 2))).toMatch('1 bytes after the last tensor');
});

test('shape product overflow: sizes that are whole alone but multiply past 2^53 are refused', async () => {
  for (const shape of [
    [2 ** 32, 2 ** 32],
    [2 ** 53 - 1, 2 ** 53 - 1],
    Array(16).fill(2 ** 52),
    [2 ** 31, 2 ** 31, 4],
  ]) {
    expect(await refusal(await fileWith({ a: entry('F32', shape, [0, 16]) }, 16))).toMatch('bytes for F32');
  }
  // 2^64 elements: zero in 64-bit arithmetic.
  expect(await refusal(await fileWith({ a: entry('U8', [2 ** 32, 2 ** 32], [0, 0]) }))).toMatch('tensor "a"');
});

test('a shape that does not fill its bytes is refused', async () => {
  expect(await refusal(await fileWith({ a: entry('F32', [3], [0, 8]) }, 8))).toMatch(
    'offsets 0 to 8, expected 12 bytes',
  );
});

test('fractional, negative, huge, exponential and textual numbers are refused', async () => {
  for (const number of [
    '1.5',
    '1.0',
    '-1',
    '1e0',
    '9007199254740992',
    '1'.repeat(40),
    '01',
    '+1',
    '"1"',
    'null',
    'NaN',
  ]) {
    const header = `{"a":{"dtype":"U8","shape":[${number}],"data_offsets":[0,1]}}`;
    expect(await refusal(await fileWith(header, 1)), number).toMatch(/whole number|","|"]"/);
  }
});

test('a key that comes twice is refused: readers would disagree on which one counts', async () => {
  const tensor = '{"dtype":"U8","shape":[1],"data_offsets":[0,1]}';
  expect(await refusal(await fileWith(`{"a":${tensor},"a":${tensor}}`, 1))).toMatch('the key "a" a second time');
  expect(await refusal(await fileWith(`{"a":${tensor},"\\u0061":${tensor}}`, 1))).toMatch('the key "a" a second time');
  const twice = '{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}';
  expect(await refusal(await fileWith(twice, 1))).toMatch('the key "dtype" a second time');
});

test('headers that are not UTF-8, not JSON or not an object are refused', async () => {
  const notUtf8 = await fileWith('{}', Uint8Array.of(0xff), 3);
  expect(await refusal(notUtf8)).toMatch('not UTF-8');
  for (const header of [
    '',
    '[]',
    '"a"',
    '{',
    '{"a"',
    '{"a":',
    '{"a":{}',
    '{"a":1}',
    '{,}',
    '{"a":{},}',
    '{} x',
    '\ufeff{}',
  ]) {
    expect(await refusal(await fileWith(header)), header).toMatch(/character \d+ of the header/);
  }
});

test('unknown element types, missing and unknown keys are refused by tensor name', async () => {
  expect(await refusal(await fileWith({ a: entry('F8_E4M3', [1], [0, 1]) }, 1))).toMatch('element type "F8_E4M3"');
  expect(await refusal(await fileWith({ a: entry('constructor', [1], [0, 1]) }, 1))).toMatch('element type');
  expect(await refusal(await fileWith({ a: { dtype: 'U8', shape: [1] } }, 1))).toMatch('tensor "a" incomplete');
  expect(await refusal(await fileWith({ a: { ...entry('U8', [1], [0, 1]), more: 1 } }, 1))).toMatch('the key "more"');
  expect(await refusal(await fileWith({ a: entry('U8', [1], [0]) }, 1))).toMatch('incomplete');
  expect(await refusal(await fileWith({ __metadata__: { a: 1 } }))).toMatch('header');
});

test('a tensor called __proto__ is a tensor and reaches no prototype', async () => {
  const header = '{"__metadata__":{"__proto__":"x"},"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}';
  const { tensors, metadata } = await openSafetensors(await fileWith(header, 1));
  expect([...tensors.keys()]).toEqual(['__proto__']);
  expect(Object.entries(metadata)).toEqual([['__proto__', 'x']]);
  expect(({} as { x?: unknown }).x).toBeUndefined();
});

test('a file that shrank after it was opened is noticed when a tensor is read', async () => {
  const path = join(folder(), 'shrinking.safetensors');
  await writeSafetensors(path, { a: float32([1, 2, 3, 4], [4]) });
  const { tensors } = await openSafetensors(path);
  await truncate(path, (await stat(path)).size - 1);
  await expect(readTensor(tensors.get('a')!)).rejects.toThrow(/shrinking.*cut short/);
});

test('random damage to a header is either refused or harmless, never a crash', async () => {
  const path = join(folder(), 'whole.safetensors');
  await writeSafetensors(path, { a: float32([1, 2], [2]), b: float32([3], [1]) }, { format: 'pt' });
  const whole = await readFile(path);
  const random = randomFor(1, 'damage');
  for (let i = 0; i < 150; i++) {
    const damaged = Buffer.from(whole);
    for (let k = 0; k <= random.integer(3); k++) damaged[random.integer(whole.length - 12)] = random.integer(256);
    await writeFile(path, damaged);
    try {
      for (const tensor of (await openSafetensors(path)).tensors.values()) await readTensor(tensor);
    } catch (error) {
      if (!(error instanceof AntidoteError)) throw error;
    }
  }
});

test('a tensor whose numbers do not fill its shape is not written, and no file appears', async () => {
  const path = join(folder(), 'never.safetensors');
  await expect(writeSafetensors(path, { a: float32([1, 2, 3], [2]) })).rejects.toThrow(/tensor "a".*3 numbers/);
  await expect(writeSafetensors(path, { __metadata__: float32([1], [1]) })).rejects.toThrow(/usable name/);
  expect((await readdir(folder())).filter((name) => name.includes('never'))).toEqual([]);
});
