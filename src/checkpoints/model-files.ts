/** @file The files of a model, for a complete copy without other files. */
import { basename, dirname, join, resolve } from 'node:path';
import { isThere } from '../tensor/files/file-bytes.ts';
import { findModel } from './find-model.ts';
import { readIndex } from './weights.ts';

export interface ModelFiles {
  /** The model's own folder, absolute. Weights expanded from a delta lie elsewhere. */
  readonly folder: string;
  /** Absolute paths, no two of the same name: configuration, tokenizer, weights. */
  readonly files: readonly string[];
  /** The path that opens a copy, from the copy's folder: `.`, or the name of a bare file of weights. */
  readonly openedBy: string;
}

/** Files that opening a model reads, named as for `openClip`. */
export async function modelFiles(nameOrPath: string): Promise<ModelFiles> {
  const { weights, config, folder: own } = await findModel(nameOrPath);
  const folder = resolve(own ?? dirname(weights));
  const companions: string[] = [];
  for (const name of own === undefined ? [] : (config?.format.companions ?? [])) {
    const path = join(folder, name);
    if (await isThere(path)) companions.push(path);
  }
  const shards = weights.endsWith('.json') ? (await readIndex(weights)).files : [];
  return {
    folder,
    files: [
      ...(config ? [resolve(config.path)] : []),
      ...companions,
      resolve(weights),
      ...shards.map((name) => resolve(dirname(weights), name)),
    ],
    openedBy: own === undefined ? basename(weights) : '.',
  };
}
