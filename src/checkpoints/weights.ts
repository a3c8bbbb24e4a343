/** @file The weights of a checkpoint: one file of safetensors or of PyTorch, or several; with one hash. */
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { badData } from '../errors.ts';
import { readJson } from '../tensor/json-file.ts';
import { openSafetensors } from '../tensor/safetensors.ts';
import { sha256 } from '../tensor/sha256.ts';
import type { StoredTensor } from '../tensor/tensor.ts';
import { sha256WithChecksums } from './pytorch/checksums.ts';
import { type Checksum, type Container, openPytorch } from './pytorch/open-pytorch.ts';
import { type WeightsKind, weightsKind } from './weights-kind.ts';

export interface Weights {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Of the file; of several files, of the lines "hash  name" in the order of names, as `sha256sum` prints them. */
  readonly sha256: string;
  readonly container: WeightsContainer;
  /** Key of a training checkpoint under which the weights lay; undefined if the file holds nothing else. */
  readonly entry: string | undefined;
}

export type WeightsContainer = 'safetensors' | Container;

interface OpenedFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Of parts of the file; safetensors have none. */
  readonly checksums?: readonly Checksum[];
  /** Safetensors are of one kind only. */
  readonly container?: Container;
  readonly entry?: string | undefined;
}

const readers: Readonly<Record<WeightsKind, (path: string) => Promise<OpenedFile>>> = {
  safetensors: openSafetensors,
  pytorch: openPytorch,
};

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * Opens a file of weights, or an index of several (`*.index.json`). What a file is, its content says, not its name.
 * Reads all of it once, for the hash; whether the numbers are usable is for whoever knows which are weights to ask.
 */
export async function openWeights(path: string): Promise<Weights> {
  if (!path.endsWith('.json')) {
    const { tensors, checksums, container = 'safetensors', entry } = await readers[await weightsKind(path)](path);
    return { tensors, sha256: await sha256WithChecksums(path, checksums ?? []), container, entry };
  }
  const { weight_map: index } = await readJson(path, indexSchema);
  const tensors = new Map<string, StoredTensor>();
  const lines: string[] = [];
  let container: WeightsContainer = 'safetensors';
  for (const file of [...new Set(Object.values(index))].sort()) {
    if (basename(file) !== file || file === '..' || file === '.')
      throw badData(path, `the file name ${JSON.stringify(file)}`, 'a file in the same folder');
    const part = await openWeights(join(dirname(path), file));
    for (const [name, tensor] of part.tensors) {
      if (index[name] !== file)
        throw badData(
          join(dirname(path), file),
          `tensor "${name}"`,
          `only the tensors that ${basename(path)} puts there`,
        );
      tensors.set(name, tensor);
    }
    container = part.container;
    lines.push(`${part.sha256}  ${file}\n`);
  }
  const lost = Object.keys(index).find((name) => !tensors.has(name));
  if (lost !== undefined)
    throw badData(join(dirname(path), index[lost]!), `no tensor "${lost}"`, `what ${basename(path)} lists`);
  return { tensors, sha256: sha256(lines.join('')), container, entry: undefined };
}

/** Names of the files that an index puts the tensors in. */
export async function filesOfIndex(path: string): Promise<readonly string[]> {
  const { weight_map: index } = await readJson(path, indexSchema);
  return [...new Set(Object.values(index))].sort();
}
