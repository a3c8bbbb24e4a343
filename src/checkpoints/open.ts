/** @file Opens a CLIP: a built-in name or a folder, recognised by what lies in it. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clip, Tokenizer } from '../clip/clip.ts';
import type { ClipConfig } from '../clip/config.ts';
import { openClipTokenizer } from '../clip/tokenizer-data.ts';
import { badData } from '../errors.ts';
import { fileProblem } from '../tensor/file-problem.ts';
import { builtInFolder, builtInModels } from './built-in.ts';
import { readHuggingFaceConfig } from './hugging-face-config.ts';
import { huggingFaceLayout, type Layout, mapParameters, openClipLayout } from './key-map.ts';
import { readOpenClipConfig } from './open-clip-config.ts';
import { huggingFaceTokenizer } from './tokenizer-files.ts';
import { openWeights } from './weights.ts';

interface Format {
  readonly name: Clip['format'];
  readonly configFile: string;
  /** File names under which the format keeps weights; the first that exists counts. */
  readonly weightFiles: readonly string[];
  readonly layout: Layout;
  readonly readConfig: (path: string, folder: string) => Promise<ClipConfig>;
  readonly tokenizer: (folder: string, context: number) => Promise<Tokenizer>;
}

/** In this order: a folder may hold both, then open_clip's is the original and the other converted from it. */
const formats: readonly Format[] = [
  {
    name: 'open-clip',
    configFile: 'open_clip_config.json',
    weightFiles: ['open_clip_model.safetensors', 'open_clip_pytorch_model.safetensors'],
    layout: openClipLayout,
    readConfig: readOpenClipConfig,
    tokenizer: (_, context) => openClipTokenizer(context),
  },
  {
    name: 'hugging-face',
    configFile: 'config.json',
    weightFiles: ['model.safetensors', 'model.safetensors.index.json'],
    layout: huggingFaceLayout,
    readConfig: readHuggingFaceConfig,
    tokenizer: huggingFaceTokenizer,
  },
];

const pickles = /\.(bin|pt|pth|ckpt)$/;

/**
 * Opens a CLIP and checks it completely: configuration, every parameter's name and shape, every weight finite.
 * Weights stay on disk; the result says where each lies.
 *
 * @param nameOrPath a built-in name (`emoji-clip`, `emoji-clip:badnet`, ...) or a Hugging Face or open_clip folder
 * @throws AntidoteError (data) that names the file, key or tensor at fault
 */
export async function openClip(nameOrPath: string): Promise<Clip> {
  const folder = builtInFolder(nameOrPath) ?? nameOrPath;
  const files = await filesOf(folder, nameOrPath);
  const { format, weightFile } = recognise(folder, files);
  const configPath = join(folder, format.configFile);
  const weightPath = join(folder, weightFile);
  const config = await format.readConfig(configPath, folder);
  const { tensors, sha256 } = await openWeights(weightPath);
  const parameters = mapParameters(weightPath, format.layout, config, tensors);
  const tokenizer = within(await format.tokenizer(folder, config.text.context), config.text.vocabulary, configPath);
  return { name: nameOrPath, config, parameters, tokenizer, sha256, format: format.name };
}

async function filesOf(folder: string, name: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const expected = `a model folder or a built-in model (${builtInModels.join(', ')})`;
    if (code === 'ENOENT') throw badData(name, 'no such folder', expected, undefined, error);
    if (code === 'ENOTDIR') throw badData(name, 'a file', expected, 'give the folder that it lies in', error);
    throw fileProblem(folder, error);
  }
}

function recognise(folder: string, files: readonly string[]): { format: Format; weightFile: string } {
  for (const format of formats) {
    const weightFile = format.weightFiles.find((file) => files.includes(file));
    if (files.includes(format.configFile) && weightFile !== undefined) return { format, weightFile };
  }
  const configured = formats.find(({ configFile }) => files.includes(configFile));
  const pickle = files.find((file) => pickles.test(file));
  if (configured)
    throw badData(
      folder,
      pickle ? `${configured.configFile} and ${pickle}` : `${configured.configFile} without weights`,
      `${configured.weightFiles[0]} beside it`,
      pickle ? 'a pickle can run code when it is read: convert it to safetensors' : undefined,
    );
  throw badData(
    folder,
    files.length === 0 ? 'an empty folder' : `${files.slice(0, 5).join(', ')}${files.length > 5 ? ', ...' : ''}`,
    formats.map(({ configFile, weightFiles }) => `${configFile} and ${weightFiles[0]}`).join(', or '),
  );
}

/** A tokenizer whose every token has an embedding: vocabularies of another model are found out at the first word. */
function within(tokenizer: Tokenizer, vocabulary: number, configPath: string): Tokenizer {
  return {
    ...tokenizer,
    encode(text, overlong) {
      const tokens = tokenizer.encode(text, overlong);
      const beyond = tokens.find((token) => token >= vocabulary);
      if (beyond === undefined) return tokens;
      throw badData(configPath, `${vocabulary} tokens`, `more than ${beyond}, which ${JSON.stringify(text)} needs`);
    },
  };
}
