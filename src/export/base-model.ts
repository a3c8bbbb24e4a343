/** @file The untouched model behind an export: what it is called elsewhere, under which terms, and its files. */
import { constants } from 'node:fs';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtInFolder } from '../checkpoints/built-in.ts';
import { licenceFiles, modelCard } from '../checkpoints/licence-files.ts';
import { type ModelFiles, modelFiles } from '../checkpoints/model-files.ts';
import type { Clip } from '../clip/clip.ts';

export interface BaseModel {
  /** A built-in's name, or the Hub's, or that of the folder or file: not where it lies on this machine. */
  readonly name: string;
  readonly files: ModelFiles;
  /** What its folder says of its licence; null if nothing. */
  readonly licence: string | null;
  /** Paths of the texts. */
  readonly licenceFiles: readonly string[];
}

/** Where a bundled model lies in its export. */
export const bundledModel = 'model';
const licenceFolder = 'licences';
const packageFolder = fileURLToPath(new URL('../..', import.meta.url));

export async function baseModelOf(clip: Clip): Promise<BaseModel> {
  const files = await modelFiles(clip.name);
  const builtIn = builtInFolder(clip.name) !== undefined;
  const texts = await licenceFiles(builtIn ? packageFolder : files.folder);
  const stated = builtIn ? 'MIT, see NOTICE for what it was trained on' : await licenceOfCard(files.folder);
  const beside = texts.length > 0 ? texts.map((path) => basename(path)).join(', ') : null;
  const { hub } = clip.reading;
  return {
    name: builtIn ? clip.name : hub ? `hf:${hub.repository}@${hub.commit}` : basename(clip.name),
    files,
    licence: stated ?? beside,
    licenceFiles: texts,
  };
}

/** `license: ...` at the head of a model card, where the Hub's models say it. */
async function licenceOfCard(folder: string): Promise<string | null> {
  const card = await readFile(join(folder, modelCard), 'utf8').catch(() => '');
  const [, head = ''] = /^---\r?\n([\s\S]{0,20000}?)\r?\n---/.exec(card) ?? [];
  return /^licen[cs]e:[ \t]*["']?([\w. -]{1,80}?)["']?[ \t]*$/m.exec(head)?.[1] ?? null;
}

/** Copies the texts of the licence, where weights go: whoever gets them has to be given it. */
export async function copyLicences(
  directory: string,
  { licenceFiles: texts }: BaseModel,
): Promise<Record<string, string>> {
  return copied(texts, join(directory, licenceFolder), licenceFolder, "terms of the base model's weights");
}

/** Copies the model's files, as they are: their hash is what the head is tied to. */
export async function copyModel(directory: string, { files }: BaseModel): Promise<Record<string, string>> {
  return copied(files.files, join(directory, bundledModel), bundledModel, 'the untouched base model');
}

async function copied(
  paths: readonly string[],
  to: string,
  shown: string,
  purpose: string,
): Promise<Record<string, string>> {
  if (paths.length > 0) await mkdir(to, { recursive: true });
  const purposes: Record<string, string> = {};
  for (const path of paths) {
    await copyFile(path, join(to, basename(path)), constants.COPYFILE_FICLONE);
    purposes[`${shown}/${basename(path)}`] = purpose;
  }
  return purposes;
}
