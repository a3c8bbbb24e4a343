/** @file The forms in which CLIPs are found, as a table, and which of them a folder or a file is. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { Format, HubSource } from '../clip/clip.ts';
import { badData } from '../errors.ts';
import { fileProblem } from '../tensor/files/file-problem.ts';
import { builtInFolder, builtInModels } from './built-in.ts';
import { readHuggingFaceConfig } from './config/hugging-face.ts';
import { isOpenClipConfig, readOpenClipConfig } from './config/open-clip.ts';
import type { ConfigFile } from './config/parts.ts';
import { expandDelta } from './delta/expand.ts';
import { deltaFile } from './delta/format.ts';
import type { Report } from './hub/bytes-told.ts';
import { type Needed, openHubModel, parseHubName } from './hub/hub.ts';
import { listed } from './key-map.ts';
import { isLicence, modelCard } from './licence-files.ts';
import { builtInTokenizer, type FoundTokenizer, huggingFaceTokenizer } from './tokenizer-files.ts';
import { readIndex } from './weights.ts';

interface FolderFormat {
  readonly name: Format;
  readonly configFile: string;
  /** File names under which the format keeps weights; the first that exists counts. */
  readonly weightFiles: readonly string[];
  /** Files that are read beside these where they exist. */
  readonly companions: readonly string[];
  readonly readConfig: (path: string) => Promise<ConfigFile>;
  readonly tokenizer: (folder: string, context: number) => Promise<FoundTokenizer>;
}

/**
 * In this order: a folder may hold both, then open_clip's is the original and the other converted from it. Within each,
 * safetensors come first, as they are mapped as they are.
 */
export const folderFormats: readonly [FolderFormat, FolderFormat] = [
  {
    name: 'open-clip',
    configFile: 'open_clip_config.json',
    weightFiles: [
      'open_clip_model.safetensors',
      'open_clip_pytorch_model.safetensors',
      'open_clip_pytorch_model.bin',
      'open_clip_pytorch_model.pt',
      'open_clip_model.pt',
      deltaFile,
    ],
    companions: [],
    readConfig: readOpenClipConfig,
    tokenizer: (_, context) => builtInTokenizer(context),
  },
  {
    name: 'hugging-face',
    configFile: 'config.json',
    weightFiles: [
      'model.safetensors',
      'model.safetensors.index.json',
      'pytorch_model.bin',
      'pytorch_model.bin.index.json',
    ],
    companions: ['preprocessor_config.json', 'processor_config.json', 'tokenizer.json', 'vocab.json', 'merges.txt'],
    readConfig: readHuggingFaceConfig,
    tokenizer: huggingFaceTokenizer,
  },
];

/** What to read, and how. */
export interface Found {
  readonly weights: string;
  readonly config: { readonly path: string; readonly format: FolderFormat } | undefined;
  /** Where a tokenizer may lie; undefined for a bare file, whose neighbours need not belong to it. */
  readonly folder: string | undefined;
  readonly hub: HubSource | null;
}

/** Ends of files that may hold weights. What they hold is told by their content. */
const weightEnds = new Set(['.safetensors', '.bin', '.pt', '.pth', '.ckpt']);
/** What transformers' and open_clip's training leaves beside the weights. */
const noWeights = /^(training_args|optimizer|scheduler|scaler|rng_state.*)\.(bin|pt|pth)$/;

/** @throws AntidoteError (data) that says what there is instead of a model */
export async function findModel(nameOrPath: string, report?: Report): Promise<Found> {
  const onHub = parseHubName(nameOrPath);
  if (onHub) {
    const { folder, source } = await openHubModel(onHub, neededFiles, report);
    return { ...(await inFolder(folder, await readdir(folder))), hub: source };
  }
  const path = builtInFolder(nameOrPath) ?? nameOrPath;
  try {
    if ((await stat(path)).isDirectory()) return await inFolder(path, await readdir(path));
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw fileProblem(path, error);
    const expected = `a model folder or file, hf:org/name, or a built-in model (${builtInModels.join(', ')})`;
    throw badData(nameOrPath, 'no such file or folder', expected, undefined, error);
  }
  return bareFile(path);
}

async function inFolder(folder: string, files: readonly string[]): Promise<Found> {
  const { format, weightFile } = choose(folder, files);
  return {
    weights: await wholeWeights(folder, weightFile),
    config: format && { path: join(folder, format.configFile), format },
    folder,
    hub: null,
  };
}

/** The file of weights; where it is a delta, the one that is put together from it. */
async function wholeWeights(folder: string, file: string): Promise<string> {
  return file === deltaFile ? expandDelta(folder, builtInFolder) : join(folder, file);
}

/**
 * What opening a repository reads: configuration, tokenizer, weights, and the files that an index of weights names. The
 * terms of use come with them: whoever is given the model has to be given them too.
 */
async function neededFiles(where: string, files: readonly string[], folder: string): Promise<Needed> {
  const { format, weightFile } = choose(where, files);
  const index = join(folder, weightFile);
  const shards = weightFile.endsWith('.json') && (await isFile(index)) ? (await readIndex(index)).files : [];
  return {
    required: [...(format ? [format.configFile] : []), weightFile, ...shards],
    optional: format?.companions ?? [],
    terms: files.filter((file) => file === modelCard || isLicence(file)),
  };
}

/** The format that a folder's files make, and its weights. `where` is what errors point to. */
function choose(where: string, files: readonly string[]): { format: FolderFormat | undefined; weightFile: string } {
  const present = folderFormats.filter(({ configFile }) => files.includes(configFile));
  for (const format of present) {
    const weightFile = format.weightFiles.find((file) => files.includes(file));
    if (weightFile !== undefined) return { format, weightFile };
  }
  const index = files.find((file) => /\.(safetensors|bin)\.index\.json$/.test(file));
  const candidates = files.filter((file) => weightEnds.has(extname(file)) && !noWeights.test(file)).sort();
  const [only, ...others] = index === undefined ? candidates : [index];
  if (only !== undefined && others.length === 0) return { format: present[0], weightFile: only };
  if (only !== undefined)
    throw badData(where, `${candidates.length} files of weights: ${listed(candidates)}`, 'one', 'give one of them');
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
 * A file has a configuration if it bears the name that a format gives its weights and lies beside the format's
 * configuration, or if open_clip's configuration lies beside it under its own name (`rn50.pt`, `rn50.json`). Other JSON
 * of that name, such as a log, is none of its concern.
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
