/** @file Every layout's names for CLIP's parameters, as tables, and the mapping of a file to the internal names. */
import type { LayoutName, Parameter, Parameters } from '../clip/clip.ts';
import type { ClipConfig } from '../clip/config.ts';
import { parameterPlan } from '../clip/initialise.ts';
import { shapeOf } from '../clip/parameters.ts';
import { badData } from '../errors.ts';
import type { Shape, StoredDType, StoredTensor } from '../tensor/tensor.ts';

/** Source of one internal parameter. `*` stands for the number of a layer, on both sides. */
type Source =
  | string
  /** A matrix that the layout stores transposed. */
  | { readonly transposed: string }
  /** Several tensors, joined along the first axis. */
  | { readonly joined: readonly string[] };

export interface Layout {
  readonly name: LayoutName;
  /** A name that every file of this layout has at its outermost level: any prefix is a wrapper's. */
  readonly landmark: string;
  /** Internal name to the layout's. Unlisted names are the same in both. */
  readonly sources: ReadonlyMap<string, Source>;
  /** Prefix of the text tower's names, to be removed: open_clip's `CustomTextCLIP` adds one. */
  readonly textPrefix?: RegExp;
  /** Tensors besides parameters: buffers that are rebuilt, counters, sizes. */
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
  name: 'hugging-face',
  landmark: 'vision_model.embeddings.patch_embedding.weight',
  sources: new Map([
    ...Object.entries(huggingFaceNames),
    ...inBlocks('visual.transformer.resblocks.*.', 'vision_model.encoder.layers.*.', huggingFaceBlock),
    ...inBlocks('transformer.resblocks.*.', 'text_model.encoder.layers.*.', huggingFaceBlock),
  ]),
  ignored: /\.position_ids$|(^|\.)n_averaged$/,
};

/** OpenAI's own names, and open_clip's. */
export const openAiLayout: Layout = {
  name: 'openai',
  landmark: 'visual.conv1.weight',
  sources: new Map(),
  textPrefix: /^text\./,
  ignored: /(^|\.)(num_batches_tracked|attn_mask|n_averaged)$|^(input_resolution|context_length|vocab_size)$/,
};

function inBlocks(internal: string, foreign: string, block: Readonly<Record<string, Source>>): [string, Source][] {
  return Object.entries(block).map(([name, source]) => [internal + name, renamed(source, (part) => foreign + part)]);
}

function renamed(source: Source, rename: (name: string) => string): Source {
  if (typeof source === 'string') return rename(source);
  if ('transposed' in source) return { transposed: rename(source.transposed) };
  return { joined: source.joined.map(rename) };
}

/** A file's tensors after mapping: each is a parameter, part of one, or ignored by the layout's rule. */
export interface Mapped {
  readonly parameters: Parameters;
  /** Names of ignored tensors: rebuilt buffers, counters. */
  readonly ignored: readonly string[];
}

/**
 * Maps a file's tensors to the internal names. Every parameter of the architecture must exist in the right shape, and
 * no tensor may be left over.
 *
 * @param path the weights file, for errors
 * @param tensors by the layout's names, without wrappers
 * @param said the source of the architecture, for errors: "the configuration"
 */
export function mapParameters(
  path: string,
  layout: Layout,
  config: ClipConfig,
  tensors: ReadonlyMap<string, StoredTensor>,
  said = 'the configuration',
): Mapped {
  const mismatch = `${said} and weights do not belong together, or this is not a plain CLIP`;
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
    const source = sourceOf(layout, name);
    const parameter = assemble(source, name === 'logit_scale' ? (own) => asScalar(take(own)) : take);
    if (parameter === undefined) continue;
    const found = shapeOf(parameter);
    if (found.length !== shape.length || found.some((size, axis) => size !== shape[axis]))
      throw badData(
        `${path}: ${called(name, source)}`,
        `shape [${found.join(', ')}]`,
        `[${shape.join(', ')}] by ${said}`,
        mismatch,
      );
    parameters.set(name, parameter);
  }
  if (missing.length > 0)
    throw badData(path, `no ${listed(missing)}`, `every parameter that ${said} calls for`, mismatch);
  const unused = [...tensors.keys()].filter((name) => !used.has(name));
  const left = unused.filter((name) => !layout.ignored.test(name));
  if (left.length > 0)
    throw badData(path, `${listed(left)} besides CLIP's parameters`, 'nothing that CLIP does not use', mismatch);
  return { parameters, ignored: unused };
}

/** Shape of an internal parameter, from the file's tensors; undefined if any part is missing. */
export function shapeIn(layout: Layout, tensors: ReadonlyMap<string, StoredTensor>, name: string): Shape | undefined {
  const parameter = assemble(sourceOf(layout, name), (own) => {
    const tensor = tensors.get(own);
    return tensor && { kind: 'stored', tensor };
  });
  return parameter && shapeOf(parameter);
}

/** Doubles occur where a temperature was made with NumPy's logarithm. */
const weightTypes: readonly StoredDType[] = ['float32', 'float16', 'bfloat16', 'float64'];

/** Some training code stores the temperature as a list of one number: the same bytes, and open_clip reads both. */
function asScalar(parameter: Parameter | undefined): Parameter | undefined {
  if (parameter?.kind !== 'stored' || parameter.tensor.shape.length !== 1 || parameter.tensor.shape[0] !== 1)
    return parameter;
  return { kind: 'stored', tensor: { ...parameter.tensor, shape: [] } };
}

export function sourceOf(layout: Layout, name: string): Source {
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

/** An internal parameter's name in its layout, with the internal name where it differs. */
export function called(name: string, source: Source): string {
  const own =
    typeof source === 'string' ? source : 'transposed' in source ? source.transposed : source.joined.join(' + ');
  return own === name ? `tensor "${own}"` : `tensor "${own}" (${name})`;
}

export function listed(names: readonly string[]): string {
  const shown = names.slice(0, 4).map((name) => `"${name}"`);
  return names.length > shown.length ? `${shown.join(', ')} and ${names.length - shown.length} more` : shown.join(', ');
}
