/** @file Which files a model is: for copying it whole, and nothing beside it. */
import { readdir } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { findModel } from './formats.ts';
import { filesOfIndex } from './weights.ts';

export interface ModelFiles {
  /** The folder that they are in. */
  readonly folder: string;
  /** Their names in it: configuration, tokenizer, weights. */
  readonly files: readonly string[];
  /** What a copy of them is opened by: `.`, the folder itself, or the name of a bare file of weights. */
  readonly openedBy: string;
}

/** Files that opening a model reads, named as for `openClip`. */
export async function modelFiles(nameOrPath: string): Promise<ModelFiles> {
  const { weights, config, folder: own } = await findModel(nameOrPath);
  const folder = dirname(weights);
  const present = new Set(await readdir(folder));
  const shards = weights.endsWith('.json') ? await filesOfIndex(weights) : [];
  const companions = own === undefined ? [] : (config?.format.companions ?? []);
  const files = [
    ...(config ? [relative(folder, config.path).replaceAll(sep, '/')] : []),
    ...companions.filter((file) => present.has(file)),
    basename(weights),
    ...shards,
  ];
  return { folder, files: [...new Set(files)], openedBy: own === undefined ? basename(weights) : '.' };
}

/** Files that say under which terms a model may be used, where its folder has them. */
export async function licenceFiles(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder)).filter((name) => /^(licen[cs]e|notice|copying)([.-][\w.-]*)?$/i.test(name));
  return names.sort().map((name) => join(folder, name));
}
