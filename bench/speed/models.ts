/** @file The two architectures that are measured, with random weights: speed does not depend on what was learned. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { writeOpenClip } from '../../src/checkpoints/write-open-clip.ts';
import { type ClipConfig, openAiPreprocessing, type TextConfig } from '../../src/clip/config.ts';
import { initialParameters } from '../../src/clip/initialise.ts';
import { randomFor } from '../../src/tensor/random.ts';

export type BenchModel = 'vit-b-32' | 'rn50';

/** OpenAI's text tower of both models. */
const text: TextConfig = { width: 512, layers: 12, heads: 8, context: 77, vocabulary: 49_408, hidden: 2048 };

/** As published by OpenAI. */
export const configs: { readonly [M in BenchModel]: ClipConfig } = {
  'vit-b-32': {
    image: { kind: 'vit', width: 768, layers: 12, heads: 12, patch: 32, resolution: 224, hidden: 3072 },
    text,
    embedding: 512,
    activation: 'quick-gelu',
    preprocessing: openAiPreprocessing,
  },
  rn50: {
    image: { kind: 'resnet', width: 64, layers: [3, 4, 6, 3], heads: 32, resolution: 224 },
    text,
    embedding: 1024,
    activation: 'quick-gelu',
    preprocessing: openAiPreprocessing,
  },
};

/** Blocks of a fresh ResNet pass on their shortcut alone; with this scale each of them shows in outputs and gradients. */
const blockScale = 0.25;

/** Folder of the model below `cache`, in open_clip's layout; written if it is not there yet. */
export async function modelFolder(cache: string, name: BenchModel, say: (line: string) => void): Promise<string> {
  const folder = join(cache, name);
  try {
    // Written last, so the folder is complete.
    await access(join(folder, 'open_clip_config.json'));
  } catch {
    say(`writing ${name} with random weights to ${folder}`);
    const parameters = initialParameters(configs[name], randomFor(1, 'bench', name));
    for (const [key, { data }] of Object.entries(parameters)) if (key.endsWith('bn3.weight')) data.fill(blockScale);
    await writeOpenClip(folder, configs[name], parameters, 'float32');
  }
  return folder;
}
