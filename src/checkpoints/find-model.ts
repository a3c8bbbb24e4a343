/** @file Finds a model's files: in a folder, as one file, on the Hub, or built in. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { HubSource } from '../clip/clip.ts';
import { type AntidoteError, badData } from '../errors.ts';
import { fileProblem, isAbsent } from '../tensor/files/file-problem.ts';
import { builtInFolder, builtInModels } from './built-in.ts';
import { isOpenClipConfig } from './config/open-clip.ts';
import { expandDelta } from './delta/expand.ts';
import { deltaFile } from './delta/format.ts';
import { type FolderFormat, folderFormats, mayBeWeights } from './formats.ts';
import type { Report } from './hub/byte-progress.ts';
import { type Needed, openHubModel } from './hub/hub.ts';
import { parseHubName } from './hub/hub-name.ts';
import { listed } from './key-map.ts';
import { isLicence, modelCard } from './licence-files.ts';
import { folderOfAnotherKind } from './other-folders.ts';
import { readIndex } from './weights.ts';

/** Files to read, and how. */
export interface Found {
  readonly weights: string;
  readonly config: { readonly path: string; readonly format: FolderFormat } | undefined;
  /** The folder of a tokenizer; undefined for a bare file, whose neighbours need not belong to it. */
  readonly folder: string | undefined;
  readonly hub: HubSource | null;
}

/** @throws AntidoteError (data) that names what was found instead of a model */
export async function findModel(nameOrPath: string, report?: Report): Promise<Found> {
  const onHub = parseHubName(nameOrPath);
  if (onHub) {
    const { folder, files, source } = await openHubModel(onHub, neededFiles, report);
    return { ...(await inFolder(folder, files)), hub: source };
  }
  const path = builtInFolder(nameOrPath) ?? nameOrPath;
  try {
    if ((await stat(path)).isDirectory()) return await inFolder(path, await readdir(path));
  } catch (error) {
    if (!isAbsent(error)) throw fileProblem(path, error);
    throw noSuchModel(nameOrPath, error);
  }
  return bareFile(path);
}

export function noSuchModel(nameOrPath: string, cause?: unknown): AntidoteError {
  const expected = `a model folder or file, hf:org/name, or a built-in model (${builtInModels.join(', ')})`;
  return badData(nameOrPath, 'no such file or folder', expected, { cause });
}

async function inFolder(folder: string, files: readonly string[]): Promise<Found> {
  const other = await folderOfAnotherKind(folder, files);
  if (other) throw other;
  const { format, weightFile } = choose(folder, files);
  return {
    weights: await wholeWeights(folder, weightFile),
    config: format && { path: join(folder, format.configFile), format },
    folder,
    hub: null,
  };
}

/** The file of weights; for a delta, the expanded file. */
async function wholeWeights(folder: string, file: string): Promise<string> {
  return file === deltaFile ? expandDelta(folder, builtInFolder) : join(folder, file);
}

/**
 * Files that opening a repository reads: configuration, tokenizer, weights, and the files that an index of weights
 * names. The terms of use come with them, as they must accompany every copy of the model.
 */
async function neededFiles(where: string, files: readonly string[], folder: string): Promise<Needed> {
  const { format, weightFile } = choose(where, files);
  const index = join(folder, weightFile);
  const shards = weightFile.endsWith('.json') && (await isFile(index)) ? (await readIndex(index)).files : [];
  const configs = folderFormats.map(({ configFile }) => configFile);
  return {
    required: [...(format ? [format.configFile] : []), weightFile, ...shards],
    // Weights without a configuration: where `files` is a cache, the repository may have one all the same.
    optional: format?.companions ?? configs,
    deciding: format?.preprocessing ?? configs,
    terms: files.filter((file) => file === modelCard || isLicence(file)),
  };
}

/** The format of a folder, from the names of its files, and its weights. `where` is the place that errors name. */
function choose(where: string, files: readonly string[]): { format: FolderFormat | undefined; weightFile: string } {
  const present = folderFormats.filter(({ configFile }) => files.includes(configFile));
  for (const format of present) {
    const weightFile = format.weightFiles.find((file) => files.includes(file));
    if (weightFile !== undefined) return { format, weightFile };
  }
  const index = files.find((file) => /\.(safetensors|bin)\.index\.json$/.test(file));
  const candidates = files.filter(mayBeWeights).sort();
  const [only, ...others] = index === undefined ? candidates : [index];
  if (only !== undefined && others.length === 0) return { format: present[0], weightFile: only };
  if (only !== undefined) {
    const advice = parseHubName(where) ? 'download one of them and give its path' : 'give one of them';
    throw badData(where, `${candidates.length} files of weights: ${listed(candidates)}`, 'one', advice);
  }
  const [configured] = present;
  if (configured)
    throw badData(
      where,
      `${configured.configFile} without weights`,
      `${configured.weightFiles[0]} or another file of weights beside it`,
    );
  const shown = files.slice(0, 5).join(', ');
  throw badData(
    where,
    files.length === 0 ? 'an empty folder' : `${shown}${files.length > 5 ? ', ...' : ''}`,
    `${folderFormats.map(({ configFile, weightFiles }) => `${configFile} and ${weightFiles[0]}`).join(', or ')}, or a file of weights`,
  );
}

/**
 * A file has a configuration if it has a format's file name and lies beside the format's configuration, or if an
 * open_clip configuration lies beside it under its name (`rn50.pt`, `rn50.json`). Other JSON, such as a log, is
 * ignored.
 */
async function bareFile(path: string): Promise<Found> {
  const folder = dirname(path);
  const name = basename(path);
  if (folderFormats.some(({ configFile }) => configFile === name))
    throw badData(path, 'a configuration', 'the folder of a model, or its weights', `give ${folder}`);
  const format = folderFormats.find(({ weightFiles }) => weightFiles.includes(name));
  if (format && (await isFile(join(folder, format.configFile))))
    return {
      weights: await wholeWeights(folder, name),
      config: { path: join(folder, format.configFile), format },
      folder,
      hub: null,
    };
  const own = join(folder, `${name.slice(0, name.length - extname(name).length)}.json`);
  const configured = own !== path && (await isFile(own)) && (await isOpenClipConfig(own));
  return {
    weights: path,
    config: configured ? { path: own, format: folderFormats[0] } : undefined,
    folder: undefined,
    hub: null,
  };
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (status) => status.isFile(),
    () => false,
  );
}
