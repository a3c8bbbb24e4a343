/** @file The untouched base model of an export: its public name, its licence, and its files. */
import { constants } from 'node:fs';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtInFolder } from '../checkpoints/built-in.ts';
import { licenceFiles, modelCard } from '../checkpoints/licence-files.ts';
import { type ModelFiles, modelFiles } from '../checkpoints/model-files.ts';
import type { Clip, HubSource } from '../clip/clip.ts';
import type { ExportManifest } from './manifest.ts';

export interface BaseModel {
  /** The name of the built-in, on the Hub, or of the folder or file, without its path on this machine. */
  readonly name: string;
  /** Its source on the Hub; null if it has none. */
  readonly hub: HubSource | null;
  readonly files: ModelFiles;
  /** The licence that its folder states; null if none. */
  readonly licence: string | null;
  /** Paths of the licence texts. */
  readonly licenceFiles: readonly string[];
}

/** Folder of a bundled model in its export. */
export const bundledModel = 'model';
const licenceFolder = 'licences';
const packageFolder = fileURLToPath(new URL('../..', import.meta.url));

/** An exported folder with its model, which is exported again. */
export interface EarlierExport {
  readonly folder: string;
  readonly manifest: ExportManifest;
}

/** @param earlier the export that holds the model, if one does: it has name and licence */
export async function baseModelOf(clip: Clip, earlier: EarlierExport | undefined): Promise<BaseModel> {
  const files = await modelFiles(clip.name);
  if (earlier) {
    const { name, hub, licence } = earlier.manifest.model;
    return { name, hub, files, licence, licenceFiles: copiedLicences(earlier) };
  }
  const builtIn = builtInFolder(clip.name) !== undefined;
  const texts = await licenceFiles(builtIn ? packageFolder : files.folder);
  const stated = builtIn ? 'MIT, see NOTICE for what it was trained on' : await licenceOfCard(files.folder);
  const beside = texts.length > 0 ? texts.map((path) => basename(path)).join(', ') : null;
  const { hub } = clip.reading;
  return {
    name: builtIn ? clip.name : hub ? `hf:${hub.repository}@${hub.commit}` : basename(clip.name),
    hub,
    files,
    licence: stated ?? beside,
    licenceFiles: texts,
  };
}

/** What {@link copyLicences} wrote. */
function copiedLicences({ folder, manifest: { files } }: EarlierExport): string[] {
  const texts = files.filter(({ path }) => path.startsWith(`${licenceFolder}/`));
  return texts.map(({ path }) => join(folder, licenceFolder, basename(path)));
}

/** `license: ...` at the head of a model card of the Hub. */
async function licenceOfCard(folder: string): Promise<string | null> {
  const card = await readFile(join(folder, modelCard), 'utf8').catch(() => '');
  const [, head = ''] = /^---\r?\n([\s\S]{0,20000}?)\r?\n---/.exec(card) ?? [];
  return /^licen[cs]e:[ \t]*["']?([\w. -]{1,80}?)["']?[ \t]*$/m.exec(head)?.[1] ?? null;
}

/** Copies the licence texts, which must accompany the weights. */
export async function copyLicences(
  directory: string,
  { licenceFiles: texts }: BaseModel,
): Promise<Record<string, string>> {
  return copied(texts, join(directory, licenceFolder), licenceFolder, "terms of the base model's weights");
}

/** Copies the model's files unchanged: the head refers to their hash. */
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
