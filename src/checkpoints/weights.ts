/** @file The weights of a checkpoint: one file of safetensors or of PyTorch, or several; all finite, with one hash. */
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { badData } from '../errors.ts';
import { fileProblem } from '../tensor/file-problem.ts';
import { openSafetensors } from '../tensor/safetensors.ts';
import { sha256 } from '../tensor/sha256.ts';
import type { StoredDType, StoredTensor } from '../tensor/tensor.ts';
import { readJson } from './json-file.ts';
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

/** Pieces in which weights are read through. */
const pieceBytes = 1 << 22;

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
 * Reads every weight once and throws a data error that names the tensor if one is infinite or not a number.
 */
export async function openWeights(path: string): Promise<Weights> {
  if (!path.endsWith('.json')) {
    const { tensors, checksums, container = 'safetensors', entry } = await readers[await weightsKind(path)](path);
    // The hash first: where there are checksums, damage is better called damage than a strange number.
    const sha256 = await sha256WithChecksums(path, checksums ?? []);
    await checkFinite(path, tensors);
    return { tensors, sha256, container, entry };
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

/** A number is infinite or none exactly if all bits of its exponent are set. */
const exponents: Partial<Record<StoredDType, { readonly view: (bytes: ArrayBuffer) => Words; readonly mask: number }>> =
  {
    float32: { view: (bytes) => new Uint32Array(bytes), mask: 0x7f800000 },
    float16: { view: (bytes) => new Uint16Array(bytes), mask: 0x7c00 },
    bfloat16: { view: (bytes) => new Uint16Array(bytes), mask: 0x7f80 },
  };

type Words = Uint16Array | Uint32Array;

async function checkFinite(path: string, tensors: ReadonlyMap<string, StoredTensor>): Promise<void> {
  try {
    const file = await open(path, 'r');
    try {
      const buffer = new ArrayBuffer(pieceBytes);
      // Tied weights are two names for the same bytes.
      const checked = new Set<string>();
      for (const [name, tensor] of tensors) {
        const bytes = `${tensor.dtype} ${tensor.offset} ${tensor.length}`;
        if (!checked.has(bytes)) await checkTensor(file, name, tensor, buffer);
        checked.add(bytes);
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    throw fileProblem(path, error);
  }
}

async function checkTensor(file: FileHandle, name: string, tensor: StoredTensor, buffer: ArrayBuffer): Promise<void> {
  const exponent = exponents[tensor.dtype];
  if (exponent === undefined) return;
  const { mask } = exponent;
  const words = exponent.view(buffer);
  for (let done = 0; done < tensor.length; ) {
    const length = Math.min(pieceBytes, tensor.length - done);
    const { bytesRead } = await file.read(new Uint8Array(buffer), 0, length, tensor.offset + done);
    if (bytesRead < length)
      throw badData(tensor.path, `its end inside tensor "${name}"`, 'the whole file', 'it is being changed');
    const count = length / words.BYTES_PER_ELEMENT;
    for (let i = 0; i < count; i++) {
      if ((words[i]! & mask) === mask) {
        const position = done / words.BYTES_PER_ELEMENT + i;
        throw badData(
          `${tensor.path}: tensor "${name}"`,
          `NaN or infinity at position ${position}`,
          'finite numbers',
          'the file is damaged, or its training diverged',
        );
      }
    }
    done += length;
  }
}
