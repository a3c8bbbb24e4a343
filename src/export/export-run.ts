/** @file Exports a purified run to a folder for other programs: complete, or without the manifest that makes it an export. */
import { mkdir, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { badUsage } from '../errors.ts';
import type { RunConfig } from '../runs/config.ts';
import { environment } from '../runs/environment.ts';
import { readConfig } from '../runs/read.ts';
import type { RunEvent } from '../runs/recorder.ts';
import { unfinishedName, writeFileAtomically } from '../tensor/files/atomic-file.ts';
import { fileProblem, systemCode } from '../tensor/files/file-problem.ts';
import { writeJson } from '../tensor/files/json-file.ts';
import { readSmallTextIfThere } from '../tensor/files/text-file.ts';
import { sha256OfFile } from '../tensor/sha256.ts';
import {
  type BaseModel,
  baseModelOf,
  bundledModel,
  copyLicences,
  copyModel,
  type EarlierExport,
} from './base-model.ts';
import { writeCoop } from './coop.ts';
import { evidenceOf } from './evidence.ts';
import { type ExportFormat, exportFormats } from './formats.ts';
import { type ExportedFile, type ExportManifest, exportFile, parseManifest } from './manifest.ts';
import { writeOnnxModel } from './onnx-model.ts';
import { headFile, type OpenedPurified, openPurifiedRun, writeBundled } from './purified.ts';
import { readMe } from './read-me.ts';
import { writeTextEmbeds } from './text-embeds.ts';

export interface ExportOptions {
  readonly formats: readonly ExportFormat[];
  /** Also the base model's files, and the head in antidote's form: the folder is then self-contained. */
  readonly bundle: boolean;
  readonly signal?: AbortSignal;
  /** Receives the progress of opening the base model (`openClip`). */
  readonly report?: (event: RunEvent) => void;
}

/** The purpose of each written file. */
type Purposes = Record<string, string>;
type Writer = (directory: string, opened: OpenedPurified, notes: Readonly<Record<string, string>>) => Promise<Purposes>;

const writers: { readonly [F in ExportFormat]: Writer } = {
  'text-embeds': (directory, { purified }, notes) => writeTextEmbeds(directory, purified.head, notes),
  coop: (directory, { clip, purified }, notes) =>
    writeCoop(directory, clip, purified.head.classes, purified.prompts, notes),
  onnx: (directory, { clip, purified }, notes) => writeOnnxModel(directory, clip, purified.head, notes),
};

/**
 * Writes the exported folder. It contains the base model's weights only where a format needs the image encoder (`onnx`) or
 * with `bundle`; otherwise it refers to them by their hash.
 *
 * @param run the directory of a purified run
 * @param out the folder to make: new or empty
 * @throws AntidoteError (data) if the run holds no purified head, or the base model is not the one it was tuned on
 */
export async function exportRun(run: string, out: string, options: ExportOptions): Promise<ExportManifest> {
  const folder = resolve(out);
  const isThere = await checkFree(folder, out);
  const opened = await openPurifiedRun(run, options.report);
  const { clip, purified } = opened;
  const earlier = await earlierExport(run);
  const base = await baseModelOf(clip, earlier);
  const head = await sha256OfFile(join(run, headFile));
  const about = { ...aboutOf(opened, base, head), run: earlier ? earlier.manifest.run : await runOf(run) };
  const evidence = earlier ? undefined : await evidenceOf(run, purified.manifest);
  const notes = { antidote: about.antidote, model_sha256: clip.sha256, head_sha256: head };
  const ownName = unfinishedName(folder);
  // Inside a folder that is there already, which may be a mount point or somebody's working directory.
  const unfinished = join(isThere ? folder : dirname(folder), ownName);
  try {
    await mkdir(unfinished, { recursive: true });
    const steps: readonly (() => Promise<Purposes>)[] = [
      ...exportFormats
        .filter((format) => options.formats.includes(format))
        .map((format) => () => writers[format](unfinished, opened, notes)),
      ...(options.bundle
        ? [() => copyModel(unfinished, base), () => writeBundled(run, unfinished, purified, openedAs(base))]
        : []),
      ...(options.bundle || options.formats.includes('onnx') ? [() => copyLicences(unfinished, base)] : []),
    ];
    let purposes: Purposes = {};
    for (const step of steps) {
      options.signal?.throwIfAborted();
      purposes = { ...purposes, ...(await step()) };
    }
    await writeFileAtomically(
      join(unfinished, 'README.md'),
      readMe(about, Object.keys(purposes), clip.format, evidence),
    );
    purposes['README.md'] = 'how to use this folder';
    const manifest = { ...about, files: await described(unfinished, purposes, options.signal) };
    await writeJson(join(unfinished, exportFile), manifest);
    if (isThere) {
      await checkEmpty(folder, out, ownName);
      await fill(folder, unfinished);
    } else {
      await rename(unfinished, folder);
    }
    return manifest;
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true }).catch(() => {});
    throw fileProblem(out, error);
  }
}

/** The model name that opens the copied model, relative to the export's folder. */
function openedAs({ files }: BaseModel): string {
  return files.openedBy === '.' ? `./${bundledModel}` : `./${bundledModel}/${files.openedBy}`;
}

/** Moves everything up into the folder, last the manifest, without which it is no export; on a failure, all of it back. */
async function fill(folder: string, unfinished: string): Promise<void> {
  const names = (await readdir(unfinished)).filter((name) => name !== exportFile);
  const moved: string[] = [];
  try {
    for (const name of [...names, exportFile]) {
      await rename(join(unfinished, name), join(folder, name));
      moved.push(name);
    }
  } catch (error) {
    for (const name of moved) await rename(join(folder, name), join(unfinished, name));
    throw error;
  }
  await rmdir(unfinished);
}

/** @returns whether there is such a folder, which is empty then */
async function checkFree(folder: string, shown: string): Promise<boolean> {
  try {
    const status = await stat(folder);
    if (!status.isDirectory()) throw badUsage(shown, 'a file', 'a new or empty folder');
    await checkEmpty(folder, shown);
    return true;
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw fileProblem(shown, error);
    return false;
  }
}

/** Names what is in the way, which may be hidden: what a file manager, a killed export or another one left. */
async function checkEmpty(folder: string, shown: string, ownName?: string): Promise<void> {
  const first = (await readdir(folder)).find((name) => name !== ownName);
  if (first !== undefined)
    throw badUsage(shown, `a folder that holds ${JSON.stringify(first)}`, 'a new or empty folder');
}

function aboutOf({ clip, purified }: OpenedPurified, base: BaseModel, head: string) {
  const { image, preprocessing } = clip.config;
  return {
    format: 1 as const,
    antidote: environment().versions.antidote,
    method: purified.manifest.method,
    model: { name: base.name, sha256: clip.sha256, hub: base.hub, licence: base.licence },
    head,
    classes: [...purified.head.classes],
    preprocessing: {
      resolution: image.resolution,
      resize: preprocessing.resize,
      interpolation: preprocessing.interpolation,
      centre: preprocessing.centre,
      mean: [...preprocessing.mean] as [number, number, number],
      std: [...preprocessing.std] as [number, number, number],
    },
  };
}

async function earlierExport(folder: string): Promise<EarlierExport | undefined> {
  const path = join(folder, exportFile);
  const text = await readSmallTextIfThere(path);
  return text === undefined ? undefined : { folder, manifest: parseManifest(path, text) };
}

/** Null for a head that a program wrote without a run: it has no configuration. */
async function runOf(run: string): Promise<ExportManifest['run']> {
  const files = await readdir(run);
  if (!files.includes('config.json')) return null;
  const { command, started, versions, inputs }: RunConfig = await readConfig(run);
  const hashes = Object.entries(inputs).map(([role, { sha256 }]) => [role, sha256]);
  return { command, started, versions, inputs: Object.fromEntries(hashes) };
}

async function described(
  directory: string,
  purposes: Purposes,
  signal: AbortSignal | undefined,
): Promise<ExportedFile[]> {
  const files: ExportedFile[] = [];
  for (const [path, purpose] of Object.entries(purposes)) {
    signal?.throwIfAborted();
    const { size } = await stat(join(directory, path));
    files.push({ path, bytes: size, sha256: await sha256OfFile(join(directory, path)), purpose });
  }
  return files;
}
