/** @file Small models of the common layouts, and copies of them to change. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSafetensors, readTensor, writeSafetensors } from '../tensor/safetensors.ts';
import type { Tensor } from '../tensor/tensor.ts';

export const fixtures = fileURLToPath(new URL('../../test/fixtures/clip/', import.meta.url));
export const vit = 'open-clip-vit-quick-gelu';
export const resnet = 'open-clip-resnet-gelu';
export const huggingFace = 'hugging-face-quick-gelu';
export const sharded = 'hugging-face-gelu-sharded';

/** A copy of a fixture to spoil. */
export async function copyOf(fixture: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'antidote-'));
  await cp(join(fixtures, fixture), folder, { recursive: true });
  await rm(join(folder, 'expected.safetensors'));
  return folder;
}

export type Json = Record<string, unknown>;

export async function editJson(folder: string, file: string, edit: (json: Json) => void): Promise<void> {
  const json = JSON.parse(await readFile(join(folder, file), 'utf8')) as Json;
  edit(json);
  await writeFile(join(folder, file), JSON.stringify(json));
}

export async function editWeights(
  folder: string,
  file: string,
  edit: (tensors: Record<string, Tensor>) => void,
): Promise<void> {
  const tensors: Record<string, Tensor> = {};
  for (const [name, stored] of (await openSafetensors(join(folder, file))).tensors)
    tensors[name] = await readTensor(stored);
  edit(tensors);
  await writeSafetensors(join(folder, file), tensors);
}
