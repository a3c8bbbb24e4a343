/** @file The weights of a checkpoint: one file of safetensors or of PyTorch, or several; with one hash. */
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { badData } from '../errors.ts';
import { sizeOf } from '../tensor/files/file-bytes.ts';
import { readJson } from '../tensor/files/json-file.ts';
import { recordOf } from '../tensor/files/json-lists.ts';
import { openSafetensors } from '../tensor/safetensors.ts';
import { sha256 } from '../tensor/sha256.ts';
import type { StoredTensor } from '../tensor/tensor.ts';
import type { NonFinite } from './finite.ts';
import { byteProgress, type Report } from './hub/byte-progress.ts';
import { type Checksum, type Container, openPytorch } from './pytorch/open-pytorch.ts';
import { readThrough } from './read-through.ts';
import { type WeightsKind, weightsKind } from './weights-kind.ts';

export interface Weights {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Of the file; of several files, of the lines "hash  name" in the order of names, as `sha256sum` prints them. */
  readonly sha256: string;
  readonly container: WeightsContainer;
  /** Key of a training checkpoint under which the weights lay; undefined if the file holds nothing else. */
  readonly entry: string | undefined;
  /** Of tensors that share bytes only the first is scanned. */
  readonly nonFinite: NonFinite;
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

const indexSchema = z.object({ weight_map: recordOf(z.string()) });

/** A line for every tensor: the largest CLIP, with 2,000 of them, has 200 KB. */
const mostIndexBytes = 4 * 1024 * 1024;

/** What an index (`*.index.json`) says. */
export interface WeightsIndex {
  /** Names of the files in the index's folder, each once, in their order. */
  readonly files: readonly string[];
  /** Name of a tensor to that of its file. */
  readonly fileOf: Readonly<Record<string, string>>;
}

/** @throws AntidoteError (data) if it is no index, or names a file outside its own folder */
export async function readIndex(path: string): Promise<WeightsIndex> {
  const { weight_map: fileOf } = await readJson(path, indexSchema, mostIndexBytes);
  const files = [...new Set(Object.values(fileOf))].sort();
  for (const file of files) {
    if (basename(file) !== file || /^(\.{0,2})$|\p{Cc}/u.test(file))
      throw badData(path, `the file name ${JSON.stringify(file)}`, 'a file in the same folder');
  }
  return { files, fileOf };
}

/**
 * Opens a file of weights, or an index of several (`*.index.json`). The content of a file, not its name, tells its
 * kind. Reads all of it once, for the hash. NaN and infinity are noted, not refused: they may lie in tensors that no
 * model uses.
 *
 * @param report receives the progress of reading, if it takes long
 */
export async function openWeights(path: string, report?: Report): Promise<Weights> {
  const tell = byteProgress('reading weights', report);
  if (!path.endsWith('.json')) {
    const size = await sizeOf(path);
    return openFile(path, (done) => tell(done, size));
  }
  const { files, fileOf } = await readIndex(path);
  const sizes = await Promise.all(files.map((file) => sizeOf(join(dirname(path), file))));
  const all = sizes.reduce((sum, size) => sum + size, 0);
  const tensors = new Map<string, StoredTensor>();
  const nonFinite = new Map<string, number | undefined>();
  const lines: string[] = [];
  let container: WeightsContainer = 'safetensors';
  let before = 0;
  for (const [at, file] of files.entries()) {
    const part = await openFile(join(dirname(path), file), (done) => tell(before + done, all));
    for (const [name, tensor] of part.tensors) {
      if (fileOf[name] !== file)
        throw badData(
          join(dirname(path), file),
          `tensor "${name}"`,
          `only the tensors that ${basename(path)} puts there`,
        );
      tensors.set(name, tensor);
    }
    for (const [key, position] of part.nonFinite) nonFinite.set(key, position);
    container = part.container;
    lines.push(`${part.sha256}  ${file}\n`);
    before += sizes[at]!;
  }
  const lost = Object.keys(fileOf).find((name) => !tensors.has(name));
  if (lost !== undefined)
    throw badData(join(dirname(path), fileOf[lost]!), `no tensor "${lost}"`, `what ${basename(path)} lists`);
  return { tensors, sha256: sha256(lines.join('')), container, entry: undefined, nonFinite };
}

async function openFile(path: string, onProgress: (done: number) => void): Promise<Weights> {
  const { tensors, checksums = [], container = 'safetensors', entry } = await readers[await weightsKind(path)](path);
  let done = 0;
  const scanned = await readThrough(path, tensors.values(), checksums, (bytes) => {
    done += bytes;
    onProgress(done);
  });
  return { tensors, container, entry, ...scanned };
}
