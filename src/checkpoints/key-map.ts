/** @file Every layout's names for CLIP's parameters, as tables, and what a file holds put under the internal names. */
import type { Parameter, Parameters } from '../clip/clip.ts';
import type { ClipConfig } from '../clip/config.ts';
import { parameterPlan } from '../clip/initialise.ts';
import { shapeOf } from '../clip/parameters.ts';
import { badData } from '../errors.ts';
import type { StoredDType, StoredTensor } from '../tensor/tensor.ts';

/** Where one internal parameter comes from. `*` stands for the number of a layer, on both sides. */
type Source =
  | string
  /** A matrix that the layout keeps the other way round. */
  | { readonly transposed: string }
  /** Several tensors, one below the other. */
  | { readonly joined: readonly string[] };

export interface Layout {
  /** Internal name to the layout's. A name that is not listed is the same in both. */
  readonly sources: ReadonlyMap<string, Source>;
  /** Put before names by training wrappers and by open_clip's `CustomTextCLIP`, to be taken off. */
  readonly prefix: RegExp;
  /** What files hold besides parameters: buffers that are rebuilt, counters, sizes. */
  readonly ignored: RegExp;
}

/** transformers' names inside one attention block (`models/clip/convert_clip_original_pytorch_to_hf.py`). */
const huggingFaceBlock: Readonly<Record<string, Source>> = {
  'attn.in_proj_weight': { joined: ['self_attn.q_proj.weight', 'self_attn.k_proj.weight', 'self_attn.v_proj.weight'] },
  'attn.in_proj_bias': { joined: ['self_attn.q_proj.bias', 'self_attn.k_proj.bias', 'self_attn.v_proj.bias'] },
  'attn.out_proj.weight': 'self_attn.out_proj.weight',
  'attn.out_proj.bias': 'self_attn.out_proj.bias',
  'ln_1.weight': 'layer_norm1.weight',
  'ln_1.bias': 'layer_norm1.bias',
  'ln_2.weight': 'layer_norm2.weight',
  'ln_2.bias': 'layer_norm2.bias',
  'mlp.c_fc.weight': 'mlp.fc1.weight',
  'mlp.c_fc.bias': 'mlp.fc1.bias',
  'mlp.c_proj.weight': 'mlp.fc2.weight',
  'mlp.c_proj.bias': 'mlp.fc2.bias',
};

const huggingFaceNames: Readonly<Record<string, Source>> = {
  'visual.conv1.weight': 'vision_model.embeddings.patch_embedding.weight',
  'visual.class_embedding': 'vision_model.embeddings.class_embedding',
  'visual.positional_embedding': 'vision_model.embeddings.position_embedding.weight',
  // The missing "e" is transformers' own.
  'visual.ln_pre.weight': 'vision_model.pre_layrnorm.weight',
  'visual.ln_pre.bias': 'vision_model.pre_layrnorm.bias',
  'visual.ln_post.weight': 'vision_model.post_layernorm.weight',
  'visual.ln_post.bias': 'vision_model.post_layernorm.bias',
  'visual.proj': { transposed: 'visual_projection.weight' },
  text_projection: { transposed: 'text_projection.weight' },
  'token_embedding.weight': 'text_model.embeddings.token_embedding.weight',
  positional_embedding: 'text_model.embeddings.position_embedding.weight',
  'ln_final.weight': 'text_model.final_layer_norm.weight',
  'ln_final.bias': 'text_model.final_layer_norm.bias',
};

export const huggingFaceLayout: Layout = {
  sources: new Map([
    ...Object.entries(huggingFaceNames),
    ...inBlocks('visual.transformer.resblocks.*.', 'vision_model.encoder.layers.*.', huggingFaceBlock),
    ...inBlocks('transformer.resblocks.*.', 'text_model.encoder.layers.*.', huggingFaceBlock),
  ]),
  prefix: /^(module\.|_orig_mod\.)+/,
  ignored: /\.position_ids$/,
};

/** OpenAI's own names. */
export const openClipLayout: Layout = {
  sources: new Map(),
  prefix: /^(module\.|_orig_mod\.)*(text\.)?/,
  ignored: /(^|\.)(num_batches_tracked|attn_mask)$|^(input_resolution|context_length|vocab_size)$/,
};

function inBlocks(internal: string, foreign: string, block: Readonly<Record<string, Source>>): [string, Source][] {
  return Object.entries(block).map(([name, source]) => [internal + name, renamed(source, (part) => foreign + part)]);
}

function renamed(source: Source, rename: (name: string) => string): Source {
  if (typeof source === 'string') return rename(source);
  if ('transposed' in source) return { transposed: rename(source.transposed) };
  return { joined: source.joined.map(rename) };
}

/**
 * Puts a file's tensors under the internal names. Every parameter of the architecture must be there in the right
 * shape, and nothing may be left over.
 *
 * @param path the weights file, for errors
 */
export function mapParameters(
  path: string,
  layout: Layout,
  config: ClipConfig,
  file: ReadonlyMap<string, StoredTensor>,
): Parameters {
  const tensors = plainNames(path, layout, file);
  const used = new Set<string>();
  const missing: string[] = [];
  const parameters = new Map<string, Parameter>();
  const take = (name: string): Parameter | undefined => {
    const tensor = tensors.get(name);
    if (tensor === undefined) {
      missing.push(name);
      return undefined;
    }
    used.add(name);
    if (!weightTypes.includes(tensor.dtype))
      throw badData(`${path}: tensor "${name}"`, tensor.dtype, weightTypes.join(', '), 'convert the file first');
    return { kind: 'stored', tensor };
  };
  for (const [name, { shape }] of parameterPlan(config)) {
    const parameter = assemble(sourceOf(layout, name), take);
    if (parameter === undefined) continue;
    checkShape(path, name, sourceOf(layout, name), shapeOf(parameter), shape);
    parameters.set(name, parameter);
  }
  if (missing.length > 0)
    throw badData(path, `no ${listed(missing)}`, 'every parameter that the configuration calls for', mismatch);
  const left = [...tensors.keys()].filter((name) => !used.has(name) && !layout.ignored.test(name));
  if (left.length > 0)
    throw badData(path, `${listed(left)} besides CLIP's parameters`, 'nothing that CLIP does not use', mismatch);
  return parameters;
}

const weightTypes: readonly StoredDType[] = ['float32', 'float16', 'bfloat16'];

const mismatch = 'configuration and weights do not belong together, or this is not a plain CLIP';

function plainNames(
  path: string,
  { prefix }: Layout,
  file: ReadonlyMap<string, StoredTensor>,
): ReadonlyMap<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  for (const [name, tensor] of file) {
    const plain = name.replace(prefix, '');
    if (tensors.has(plain))
      throw badData(`${path}: tensor "${name}"`, 'a second tensor of that name', 'every name once', mismatch);
    tensors.set(plain, tensor);
  }
  return tensors;
}

function sourceOf(layout: Layout, name: string): Source {
  const layer = /\.resblocks\.(\d+)\./.exec(name)?.[1];
  const source = layout.sources.get(name.replace(/\.resblocks\.\d+\./, '.resblocks.*.')) ?? name;
  return layer === undefined ? source : renamed(source, (part) => part.replace('*', layer));
}

function assemble(source: Source, take: (name: string) => Parameter | undefined): Parameter | undefined {
  if (typeof source === 'string') return take(source);
  if ('transposed' in source) {
    const of = take(source.transposed);
    return of && { kind: 'transposed', of };
  }
  const parts = source.joined.map(take);
  const present = parts.filter((part) => part !== undefined);
  return present.length === parts.length ? { kind: 'joined', parts: present, axis: 0 } : undefined;
}

function checkShape(
  path: string,
  name: string,
  source: Source,
  found: readonly number[],
  expected: readonly number[],
): void {
  if (found.length === expected.length && found.every((size, axis) => size === expected[axis])) return;
  const own =
    typeof source === 'string' ? source : 'transposed' in source ? source.transposed : source.joined.join(' + ');
  const called = own === name ? `tensor "${own}"` : `tensor "${own}" (${name})`;
  throw badData(
    `${path}: ${called}`,
    `shape [${found.join(', ')}]`,
    `[${expected.join(', ')}] by the configuration`,
    mismatch,
  );
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 4).map((name) => `"${name}"`);
  return names.length > shown.length ? `${shown.join(', ')} and ${names.length - shown.length} more` : shown.join(', ');
}
