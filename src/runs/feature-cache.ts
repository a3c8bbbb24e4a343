/** @file A cache of embeddings in a folder that runs share: files are named by the hash of what determines them. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { explainingFile } from '../tensor/files/file-problem.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../tensor/safetensors.ts';
import { sha256 } from '../tensor/sha256.ts';
import { float32, type Tensor } from '../tensor/tensor.ts';
import type { FeatureIdentity, FeatureRequest, FeatureStore } from './recorder.ts';

/**
 * Pictures in a file, and so the most that a kill can lose. A multiple of the encoder's batch, so that an interruption
 * does not change which pictures share a batch.
 */
export const chunkPictures = 1024;

/** Limit of the embeddings kept in memory as well: the cells of a bench use the same few sets again and again. */
const memoryBytes = 256 * 1024 * 1024;

/**
 * Opens a folder of embeddings. Files are complete or absent, and equal names mean equal content, so any number of
 * processes may share it; two that need the same rows at once both compute them. A damaged file counts as missing and is
 * written anew.
 *
 * @param basis what all embeddings depend on: the code, the device, the machine
 * @param onUnwritten gets the error of a file that could not be written; what it throws ends the computation
 */
export function openFeatureCache(
  directory: string,
  basis: FeatureIdentity,
  onUnwritten: (problem: unknown) => void,
): FeatureStore {
  const memory = new Map<string, { readonly bytes: number; readonly found: Promise<Tensor<'float32'>> }>();
  return {
    embeddings(request) {
      const identity = { ...basis, ...request.identity, shape: request.shape.join(' x ') };
      const name = sha256(JSON.stringify(Object.entries(identity).sort(([a], [b]) => (a < b ? -1 : 1))));
      const known = memory.get(name)?.found;
      const found = known ?? complete({ directory, name, identity, onUnwritten }, request);
      // Most recently used last.
      memory.delete(name);
      memory.set(name, { bytes: 4 * request.shape[0] * request.shape[1], found });
      if (!known) found.catch(() => memory.delete(name));
      let total = 0;
      for (const [other, { bytes }] of [...memory].reverse()) {
        total += bytes;
        if (total > memoryBytes) memory.delete(other);
      }
      return found;
    },
  };
}

/** One set of embeddings in the folder. */
interface Entry {
  readonly directory: string;
  readonly name: string;
  readonly identity: FeatureIdentity;
  readonly onUnwritten: (problem: unknown) => void;
}

/** Reads the chunks that are stored, and computes and writes the others. */
async function complete(entry: Entry, { shape, compute, progress }: FeatureRequest): Promise<Tensor<'float32'>> {
  const [count, embedding] = shape;
  const data = new Float32Array(count * embedding);
  const rows = (first: number, end: number) => data.subarray(first * embedding, end * embedding);
  const missing: number[] = [];
  for (let first = 0; first < count; first += chunkPictures) {
    const end = Math.min(count, first + chunkPictures);
    const stored = await readChunk(pathOf(entry, first), [end - first, embedding]);
    if (stored) rows(first, end).set(stored);
    else for (let position = first; position < end; position++) missing.push(position);
  }
  let done = count - missing.length;
  if (done > 0) progress(done);
  if (missing.length === 0) return float32(data, shape);

  for await (const { positions, embeddings } of compute(missing)) {
    positions.forEach((position, row) => {
      data.set(embeddings.data.subarray(row * embedding, (row + 1) * embedding), position * embedding);
    });
    done += positions.length;
    progress(done);
    // Positions ascend, so a chunk is complete with its last position.
    for (const position of positions) {
      const end = position + 1;
      if (end % chunkPictures !== 0 && end !== count) continue;
      const first = position - (position % chunkPictures);
      await writeChunk(entry, first, float32(rows(first, end), [end - first, embedding]));
    }
  }
  return float32(data, shape);
}

function pathOf({ directory, name }: Entry, first: number): string {
  return join(directory, `${name}-${String(first / chunkPictures).padStart(4, '0')}.safetensors`);
}

/** The rows of a file; undefined where the file is missing or damaged. */
async function readChunk(path: string, shape: readonly [number, number]): Promise<Float32Array | undefined> {
  try {
    const { tensors, metadata } = await openSafetensors(path);
    const stored = tensors.get('embeddings');
    if (stored?.dtype !== 'float32' || String(stored.shape) !== String(shape)) return undefined;
    const { data } = (await readTensor(stored)) as Tensor<'float32'>;
    return digest(data) === metadata.sha256 ? data : undefined;
  } catch {
    // Any damage: the embeddings can be computed.
    return undefined;
  }
}

async function writeChunk(entry: Entry, first: number, embeddings: Tensor<'float32'>): Promise<void> {
  const { directory, identity, onUnwritten } = entry;
  try {
    await explainingFile(directory, () => mkdir(directory, { recursive: true }));
    await writeSafetensors(pathOf(entry, first), { embeddings }, { ...identity, sha256: digest(embeddings.data) });
  } catch (problem) {
    onUnwritten(problem);
  }
}

/** Hashes the bytes: a bit that flips on the disk would otherwise enter results unnoticed. */
function digest(data: Float32Array): string {
  return sha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}
