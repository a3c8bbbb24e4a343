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
import type { Looked } from './finite.ts';
import { bytesTold, type Report } from './hub/bytes-told.ts';
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
  /** Which weights are no numbers, as far as that was seen on the way. */
  readonly looked: Looked;
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

/** @throws AntidoteError (data) if it is none, or names what is no file of its own folder */
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
 * Opens a file of weights, or an index of several (`*.index.json`). What a file is, its content says, not its name.
 * Reads all of it once, for the hash; whether a weight that is no number matters is for whoever knows which are used to
 * say.
 *
 * @param report told how far reading is, if it takes long
 */
export async function openWeights(path: string, report?: Report): Promise<Weights> {
  const told = bytesTold('reading weights', report);
  if (!path.endsWith('.json')) {
    const size = await sizeOf(path);
    return openFile(path, (done) => told(done, size));
  }
  const { files, fileOf } = await readIndex(path);
  const sizes = await Promise.all(files.map((file) => sizeOf(join(dirname(path), file))));
  const all = sizes.reduce((sum, size) => sum + size, 0);
  const tensors = new Map<string, StoredTensor>();
  const looked = new Map<string, number | undefined>();
  const lines: string[] = [];
  let container: WeightsContainer = 'safetensors';
  let before = 0;
  for (const [at, file] of files.entries()) {
    const part = await openFile(join(dirname(path), file), (done) => told(before + done, all));
    for (const [name, tensor] of part.tensors) {
      if (fileOf[name] !== file)
        throw badData(
          join(dirname(path), file),
          `tensor "${name}"`,
          `only the tensors that ${basename(path)} puts there`,
        );
      tensors.set(name, tensor);
    }
    for (const [bytes, position] of part.looked) looked.set(bytes, position);
    container = part.container;
    lines.push(`${part.sha256}  ${file}\n`);
    before += sizes[at]!;
  }
  const lost = Object.keys(fileOf).find((name) => !tensors.has(name));
  if (lost !== undefined)
    throw badData(join(dirname(path), fileOf[lost]!), `no tensor "${lost}"`, `what ${basename(path)} lists`);
  return { tensors, sha256: sha256(lines.join('')), container, entry: undefined, looked };
}

async function openFile(path: string, read: (done: number) => void): Promise<Weights> {
  const { tensors, checksums = [], container = 'safetensors', entry } = await readers[await weightsKind(path)](path);
  let done = 0;
  const pass = await readThrough(path, tensors.values(), checksums, (bytes) => {
    done += bytes;
    read(done);
  });
  return { tensors, container, entry, ...pass };
}
