import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { type Random, randomFor } from '../tensor/random.ts';
import type { StoredDType, StoredTensor } from '../tensor/tensor.ts';
import { builtInFolder } from './built-in.ts';
import { bytesKey, checkFinite, firstNonFinite } from './finite.ts';
import { openClip } from './open.ts';
import { readThrough } from './read-through.ts';

const folder = temporaryFolder();

const widths = { float32: 4, float16: 2, bfloat16: 2 } as const;
const notFinite = { float32: 0x7f800000, float16: 0xfc00, bfloat16: 0x7fc0 } as const;
/** The bits of the finite number that is largest in magnitude. */
const largest = { float32: 0xff7fffff, float16: 0x7bff, bfloat16: 0xff7f } as const;

interface Planted {
  readonly bytes: Buffer;
  readonly tensor: StoredTensor;
  readonly position: number | undefined;
}

/** A file of random length with one tensor of large numbers at any place in it, one of which may be NaN or infinite. */
function planted(random: Random, path: string): Planted {
  const dtype = (['float32', 'float16', 'bfloat16'] as const)[random.integer(3)]!;
  const width = widths[dtype];
  const [count, offset] = [1 + random.integer(40), random.integer(9)];
  const bytes = Buffer.alloc(offset + count * width + random.integer(9), 0xff);
  const write = (value: number, at: number) => bytes.writeUIntLE(value, offset + at * width, width);
  for (let at = 0; at < count; at++) write(largest[dtype], at);
  const position = random.integer(2) === 0 ? random.integer(count) : undefined;
  if (position !== undefined) write(notFinite[dtype], position);
  return { bytes, position, tensor: { path, dtype, shape: [count], offset, length: count * width } };
}

test('NaN and infinity are found at their position, wherever the tensor begins and the pieces of its file end', () => {
  for (let round = 0; round < 2000; round++) {
    const random = randomFor(round, 'planted');
    const { bytes, tensor, position } = planted(random, 'file');
    let found: number | undefined;
    for (let start = 0; start < bytes.length; ) {
      const piece = bytes.subarray(start, start + 1 + random.integer(12));
      found ??= firstNonFinite(tensor, piece, start, start === 0 ? 0 : bytes[start - 1]!);
      start += piece.length;
    }
    expect(found, `round ${round}`).toBe(position);
  }
});

test('checkFinite reads tensors that share bytes with a scanned one, but no tensors of integers', async () => {
  const path = join(folder(), 'shared');
  const bytes = Buffer.alloc(64);
  bytes.writeUInt32LE(notFinite.float32, 32);
  await writeFile(path, bytes);
  const at = (dtype: StoredDType, offset: number, length: number): StoredTensor => {
    return { path, dtype, shape: [length / (dtype === 'float32' ? 4 : 2)], offset, length };
  };
  const [whole, within, twin, integers] = [
    at('float32', 0, 64),
    at('float32', 32, 8),
    at('float32', 0, 64),
    at('int16', 32, 8),
  ];
  const { nonFinite, sha256 } = await readThrough(path, [integers, within, twin, whole], []);
  expect([...nonFinite]).toEqual([[bytesKey(whole), 8]]);
  expect(sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
  await expect(checkFinite([['twin', twin]], nonFinite)).rejects.toThrow(
    /tensor "twin": found NaN or infinity at position 8/,
  );
  await expect(checkFinite([['within', within]], nonFinite)).rejects.toThrow(/tensor "within": .* at position 0/);
  await checkFinite([['integers', integers]], nonFinite);
});

test.skipIf(!existsSync('/proc/self/io'))(
  'opening a model reads its weights once (counted where Linux does)',
  async () => {
    const bytesRead = async () => Number(/^rchar: (\d+)$/m.exec(await readFile('/proc/self/io', 'utf8'))![1]);
    await openClip('emoji-clip');
    const { size } = await stat(join(builtInFolder('emoji-clip')!, 'open_clip_model.safetensors'));
    const before = await bytesRead();
    await openClip('emoji-clip');
    expect(await bytesRead()).toBeLessThan(before + 1.2 * size);
  },
);
