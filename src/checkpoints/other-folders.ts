/** @file Folders that are given for a model and hold something else: runs, exports, a model one level below. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type AntidoteError, badData } from '../errors.ts';
import { readSmallText } from '../tensor/files/text-file.ts';
import { folderFormats, mayBeWeights } from './formats.ts';

interface OtherKind {
  /** The file that every folder of this kind has. */
  readonly sign: string;
  /** What such a folder is, from the content of its sign; undefined if it is another file of that name. */
  readonly read: (content: unknown) => Other | undefined;
}

interface Other {
  readonly what: string;
  /** What takes such a folder. */
  readonly use?: string;
  /** The model that it was made with, as named there. */
  readonly model?: string | undefined;
}

// `export/` and `runs/` write these files, and lie above this folder: only the keys that tell are read.
const exported = z.object({ antidote: z.string(), head: z.string(), files: z.array(z.object({ path: z.string() })) });
const purified = z.object({ head: z.string(), model: z.object({ name: z.string() }) });
const run = z.object({
  command: z.string(),
  inputs: z.object({ model: z.object({ name: z.string() }).optional() }),
});

/** In this order: an export may be a purified model too, and a purified run has the configuration of a run. */
const kinds: readonly OtherKind[] = [
  {
    sign: 'export.json',
    read(content) {
      const { success, data } = exported.safeParse(content);
      if (!success) return undefined;
      const isOnnx = data.files.some(({ path }) => path.endsWith('.onnx'));
      return isOnnx
        ? { what: 'an ONNX export', use: '`createClassifier` opens it' }
        : { what: 'an export of a purified run', use: 'its README.md says how to use it' };
    },
  },
  {
    sign: 'purified.json',
    read(content) {
      const { success, data } = purified.safeParse(content);
      if (!success) return undefined;
      return { what: 'a purified run', use: '`evaluate` and `classify` take it', model: data.model.name };
    },
  },
  {
    sign: 'config.json',
    read(content) {
      const { success, data } = run.safeParse(content);
      return success ? { what: `a run of \`antidote ${data.command}\``, model: data.inputs.model?.name } : undefined;
    },
  },
];

/** Runs and exports list their inputs and classes: 22,000 class names make 1 MB. */
const mostSignBytes = 16 << 20;

/**
 * The refusal of a folder that is a run or an export, or that has no file of a model and holds a model one level below.
 *
 * @param files names of all that is in the folder
 */
export async function folderOfAnotherKind(
  folder: string,
  files: readonly string[],
): Promise<AntidoteError | undefined> {
  for (const { sign, read } of kinds) {
    const other = files.includes(sign) ? read(await contentOf(join(folder, sign))) : undefined;
    if (other) return refusal(folder, files, other);
  }
  const isModel = (file: string) => mayBeWeights(file) || folderFormats.some(({ configFile }) => configFile === file);
  if (files.some(isModel)) return undefined;
  const below = await modelBelow(folder, files);
  if (below === undefined) return undefined;
  return badData(folder, 'a folder that holds a model', 'the model itself', `give ${below}`);
}

async function refusal(folder: string, files: readonly string[], { what, use, model }: Other): Promise<AntidoteError> {
  const below = await modelBelow(folder, files);
  const made =
    model !== undefined && !model.startsWith('./') ? `the model that it was made with is ${model}` : undefined;
  const where = below === undefined ? made : `its model is ${below}`;
  return badData(folder, what, 'a model', [use, where].filter((part) => part !== undefined).join('; '));
}

/** Undefined for what is no JSON: other readers name what is wrong with it, if it matters. */
async function contentOf(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readSmallText(path, mostSignBytes));
  } catch {
    return undefined;
  }
}

/** The first sub-folder with a configuration and its weights. */
async function modelBelow(folder: string, files: readonly string[]): Promise<string | undefined> {
  for (const name of [...files].sort()) {
    const path = join(folder, name);
    const inner = await readdir(path).catch(() => [] as string[]);
    const isModel = folderFormats.some(
      ({ configFile, weightFiles }) => inner.includes(configFile) && weightFiles.some((file) => inner.includes(file)),
    );
    if (isModel) return path;
  }
  return undefined;
}
