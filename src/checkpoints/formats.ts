/** @file The formats of model folders, as a table. */
import { extname } from 'node:path';
import type { Format } from '../clip/clip.ts';
import type { ConfigFile } from './config/config-limits.ts';
import { processorFileNames, readHuggingFaceConfig } from './config/hugging-face.ts';
import { readOpenClipConfig } from './config/open-clip.ts';
import { deltaFile } from './delta/format.ts';
import { builtInTokenizer, type FoundTokenizer, huggingFaceTokenizer } from './tokenizer-files.ts';

export interface FolderFormat {
  readonly name: Format;
  readonly configFile: string;
  /** File names of the format's weights; the first that exists counts. */
  readonly weightFiles: readonly string[];
  /** Further files that are read where they exist. */
  readonly companions: readonly string[];
  /** Those of the companions that hold the preprocessing: without any of them it is guessed. */
  readonly preprocessing: readonly string[];
  readonly readConfig: (path: string) => Promise<ConfigFile>;
  readonly tokenizer: (folder: string, context: number) => Promise<FoundTokenizer>;
}

/**
 * In this order: in a folder with both, open_clip's is the original and the other converted from it. Within each,
 * safetensors come first, as they can be mapped directly.
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
    preprocessing: [],
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
    companions: [...processorFileNames, 'tokenizer.json', 'vocab.json', 'merges.txt'],
    preprocessing: processorFileNames,
    readConfig: readHuggingFaceConfig,
    tokenizer: huggingFaceTokenizer,
  },
];

/** Extensions of files that may hold weights. Their content tells their kind. */
const weightEnds = new Set(['.safetensors', '.bin', '.pt', '.pth', '.ckpt']);
/** Files that the training code of transformers and open_clip leaves beside the weights. */
const noWeights = /^(training_args|optimizer|scheduler|scaler|rng_state.*)\.(bin|pt|pth)$/;

/** By its name, which need not be one of a format. */
export function mayBeWeights(file: string): boolean {
  return weightEnds.has(extname(file)) && !noWeights.test(file);
}
