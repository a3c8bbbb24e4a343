/** @file Embeddings that several cells need, computed once: files named by the hash of what they are embeddings of. */
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Embeddings } from '../clip/encode.ts';
import { badData } from '../errors.ts';
import { fileProblem } from '../tensor/file-problem.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../tensor/safetensors.ts';
import { sha256 } from '../tensor/sha256.ts';

/** By name, all that determines the embeddings: hashes of model, pictures and trigger, seed, code. */
export type FeatureIdentity = Readonly<Record<string, string>>;

export interface FeatureCache {
  /** The stored embeddings, or else what `compute` gives, which is then stored. */
  embeddings(identity: FeatureIdentity, compute: () => Promise<Embeddings>): Promise<Embeddings>;
}

/** Sets kept in memory: a cell needs clean and triggered test pictures of two models, and its shots. */
const keptInMemory = 8;

/**
 * Opens a folder of embeddings. Files are complete or not there, and equal names mean equal content, so any number of
 * processes may share it; two that need the same file at once both compute it.
 */
export function openFeatureCache(directory: string): FeatureCache {
  const memory = new Map<string, Promise<Embeddings>>();

  async function load(
    path: string,
    identity: FeatureIdentity,
    compute: () => Promise<Embeddings>,
  ): Promise<Embeddings> {
    if (await exists(path)) return readFeatures(path);
    const embeddings = await compute();
    await mkdir(directory, { recursive: true }).catch((error) => {
      throw fileProblem(directory, error);
    });
    // Another process may have been faster: what stands there is the same.
    if (!(await exists(path))) await writeSafetensors(path, { embeddings }, identity);
    return embeddings;
  }

  return {
    embeddings(identity, compute) {
      const name = sha256(JSON.stringify(Object.entries(identity).sort(([a], [b]) => (a < b ? -1 : 1))));
      const known = memory.get(name);
      const found = known ?? load(join(directory, `${name}.safetensors`), identity, compute);
      memory.delete(name);
      memory.set(name, found);
      if (!known) found.catch(() => memory.delete(name));
      for (const oldest of memory.keys()) {
        if (memory.size <= keptInMemory) break;
        memory.delete(oldest);
      }
      return found;
    },
  };
}

async function readFeatures(path: string): Promise<Embeddings> {
  const stored = (await openSafetensors(path)).tensors.get('embeddings');
  if (stored?.dtype !== 'float32' || stored.shape.length !== 2) {
    throw badData(path, 'no embeddings', 'a matrix under "embeddings"', 'delete the file: it is computed again');
  }
  return (await readTensor(stored)) as Embeddings;
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw fileProblem(path, error);
  }
}
