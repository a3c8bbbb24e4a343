/** @file Opens a CLIP in any supported form and checks it completely. */
import { stat } from 'node:fs/promises';
import type { Clip, Format, LayoutName, Reading, Tokenizer } from '../clip/clip.ts';
import { badData } from '../errors.ts';
import { explainingFile } from '../tensor/files/file-problem.ts';
import type { StoredDType, StoredTensor } from '../tensor/tensor.ts';
import { inferConfig } from './config/infer.ts';
import { type Found, findModel } from './find-model.ts';
import { checkFinite } from './finite.ts';
import { folderFormats } from './formats.ts';
import type { Report } from './hub/byte-progress.ts';
import { mapParameters } from './key-map.ts';
import { recogniseLayout } from './recognise-layout.ts';
import { besideEmbeddings, builtInTokenizer, type FoundTokenizer } from './tokenizer-files.ts';
import { openWeights, type Weights } from './weights.ts';

/**
 * Opens a CLIP and checks it completely: configuration, every parameter's name and shape, every weight finite.
 * Weights stay on disk; the result locates each. The content of a file, not its name, tells its kind.
 *
 * @param nameOrPath a built-in name (`emoji-clip`, `emoji-clip:badnet`, ...), `hf:org/name@revision`, a Hugging
 *   Face or open_clip folder, or a file of weights: then the architecture is read off their shapes
 * @param report receives the progress of fetching (`download`) and reading (`reading weights`), in bytes, once they
 *   take longer than a second
 * @throws AntidoteError (data) that names the file, key or tensor at fault
 */
export async function openClip(nameOrPath: string, report?: Report): Promise<Clip> {
  const found = await findModel(nameOrPath, report);
  const configured = await found.config?.format.readConfig(found.config.path);
  const weights = await openWeights(found.weights, report);
  const { layout, tensors, prefixes } = recogniseLayout(found.weights, weights.tensors);
  const { config, origins, known } = configured
    ? { ...configured, known: null }
    : await inferConfig(found.weights, layout, tensors, weights.sha256, quickGeluOf(weights));
  const said = found.config ? 'the configuration' : 'the other shapes';
  const { parameters, ignored } = mapParameters(found.weights, layout, config, tensors, said);
  // Ignored tensors are not checked: a saved causal mask is infinite by design.
  const aside = new Set(ignored);
  const used = [...tensors].filter(([name]) => !aside.has(name));
  await checkFinite(used, weights.nonFinite);
  const { context, vocabulary } = config.text;
  const where = found.config?.path ?? found.weights;
  const { tokenizer, origin } = besideEmbeddings(where, vocabulary, await tokenizerOf(found, layout.name, context));
  return {
    name: nameOrPath,
    config,
    parameters,
    tokenizer: within(tokenizer, vocabulary, where),
    sha256: weights.sha256,
    format: found.config?.format.name ?? bareFormat(weights),
    reading: {
      ...(await filesOf(weights.tensors)),
      container: weights.container,
      layout: layout.name,
      dtypes: countedTypes(used.map(([, { dtype }]) => dtype)),
      prefixes,
      ignored,
      origins: { ...origins, tokenizer: origin },
      known,
      hub: found.hub,
    },
  };
}

function bareFormat({ container, entry }: Weights): Format {
  if (container === 'torchscript') return 'torchscript';
  return entry === undefined ? 'state-dict' : 'training-checkpoint';
}

/** Archives that carry these sizes as tensors are OpenAI's, whose models all have one activation. */
function quickGeluOf({ container, tensors }: Weights): string | undefined {
  const sizes = ['input_resolution', 'context_length', 'vocab_size'];
  return container === 'torchscript' && sizes.every((name) => tensors.has(name)) ? "OpenAI's archive" : undefined;
}

/** A folder's own tokenizer where its layout has one; the built-in one for a bare file. */
function tokenizerOf(found: Found, layout: LayoutName, context: number): Promise<FoundTokenizer> {
  const format = found.config?.format ?? folderFormats.find(({ name }) => name === layout);
  if (found.folder !== undefined && format) return format.tokenizer(found.folder, context);
  return builtInTokenizer(context);
}

async function filesOf(tensors: ReadonlyMap<string, StoredTensor>): Promise<Pick<Reading, 'weights' | 'bytes'>> {
  const weights = [...new Set([...tensors.values()].map(({ path }) => path))].sort();
  let bytes = 0;
  for (const path of weights) {
    bytes += (await explainingFile(path, () => stat(path))).size;
  }
  return { weights, bytes };
}

function countedTypes(types: readonly StoredDType[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const dtype of types) counts[dtype] = (counts[dtype] ?? 0) + 1;
  return counts;
}

/** A tokenizer that refuses texts whose tokens have no embedding: the vocabulary is another model's. */
function within(tokenizer: Tokenizer, vocabulary: number, where: string): Tokenizer {
  return {
    ...tokenizer,
    encode(text, overlong) {
      const tokens = tokenizer.encode(text, overlong);
      const beyond = tokens.find((token) => token >= vocabulary);
      if (beyond === undefined) return tokens;
      throw badData(where, `${vocabulary} tokens`, `more than ${beyond}, which ${JSON.stringify(text)} needs`);
    },
  };
}
