import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSafetensors, readTensor, writeSafetensors } from './safetensors.ts';
import { float32, int64, type Tensor } from './tensor.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetensors-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('what is written is read back: names, types, shapes, numbers, metadata', async () => {
  const path = join(folder, 'round-trip.safetensors');
  const tensors: Record<string, Tensor> = {
    weight: float32([1, -2.5, 3e-40, Number.POSITIVE_INFINITY, Number.NaN, -0], [2, 3]),
    ids: int64([-1, 2 ** 40], [2]),
    'größe "quoted" \\': { dtype: 'int32', shape: [3], data: Int32Array.of(1, -2, 3) },
    pixels: { dtype: 'uint8', shape: [1, 5], data: Uint8Array.of(0, 1, 2, 254, 255) },
    mask: { dtype: 'bool', shape: [3], data: Uint8Array.of(0, 1, 1) },
    scalar: float32([4.5], []),
    empty: float32([], [0, 7]),
    __proto__x: float32([1], [1]),
  };
  await writeSafetensors(path, tensors, { format: 'pt', note: 'äöü' });
  const file = await openSafetensors(path);
  expect(file.metadata).toEqual({ format: 'pt', note: 'äöü' });
  expect([...file.tensors.keys()].sort()).toEqual(Object.keys(tensors).sort());
  for (const [name, tensor] of Object.entries(tensors)) {
    expect(await readTensor(file.tensors.get(name)!)).toEqual(tensor);
  }
});
