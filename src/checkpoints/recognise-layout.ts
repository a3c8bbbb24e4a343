/** @file The layout of a file, recognised by the names of its tensors; removes the prefixes of training wrappers. */
import type { AntidoteError } from '../errors.ts';
import { badData } from '../errors.ts';
import type { StoredTensor } from '../tensor/tensor.ts';
import { plainClipsOnly } from './config/config-limits.ts';
import { huggingFaceLayout, type Layout, listed, openAiLayout } from './key-map.ts';

/** Hugging Face first: its landmark is longer. */
const layouts: readonly Layout[] = [huggingFaceLayout, openAiLayout];

/**
 * Parts of names that wrappers insert, around the whole model or one tower, in any order. No parameter of a CLIP has
 * such a part.
 */
const wrappers: ReadonlySet<string> = new Set([
  // PyTorch's: `torch.nn.DataParallel` and `DistributedDataParallel`; `torch.compile`.
  ...['module', '_orig_mod'],
  // TinyCLIP's, which holds each encoder and the temperature on its own; otherwise its names are open_clip's
  // (wkcn/TinyCLIP, src/open_clip/model.py: CLIPBase, convert_to_new_checkpoint, load_pruned_model).
  ...['_image_encoder', '_text_encoder', '_logit_scale'],
  ...['image_encoder_without_ddp', 'text_encoder_without_ddp'],
]);

export interface Recognised {
  readonly layout: Layout;
  /** By the layout's plain names. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Removed prefixes, each once, sorted: `module.`, `_orig_mod.module.`. */
  readonly prefixes: readonly string[];
}

/**
 * Recognises the layout by its landmark. Besides the known wrappers, any prefix of the landmark (`model.`, `clip.`)
 * counts as the name of the attribute that held the model, and is removed from all names that have it.
 *
 * @throws AntidoteError (data) if the tensors are no plain CLIP, naming the kind of model they look like
 */
export function recogniseLayout(path: string, file: ReadonlyMap<string, StoredTensor>): Recognised {
  const unwrapped = new Map([...file.keys()].map((name) => [name, withoutWrappers(name)]));
  const names = [...unwrapped.values()];
  if (strangerIn(certainStrangers, names)) throw notClip(path, names);
  for (const layout of layouts) {
    const roots = rootsOf(layout, names);
    if (roots.length > 1)
      throw badData(
        path,
        `the image encoders ${listed(roots.map((root) => root + layout.landmark))}`,
        'one model',
        'write the one you mean to a file of its own',
      );
    if (roots.length === 1) {
      const plain = plainNames(path, layout, roots[0]!, file, unwrapped);
      checkUnpruned(path, plain.tensors);
      return { layout, ...plain };
    }
  }
  throw notClip(path, names);
}

function withoutWrappers(name: string): string {
  const parts = name.split('.');
  return parts.some((part) => wrappers.has(part)) ? parts.filter((part) => !wrappers.has(part)).join('.') : name;
}

function rootsOf({ landmark }: Layout, names: readonly string[]): string[] {
  const roots = new Set<string>();
  for (const name of names) {
    if (name === landmark || name.endsWith(`.${landmark}`)) roots.add(name.slice(0, name.length - landmark.length));
  }
  return [...roots];
}

function plainNames(
  path: string,
  { textPrefix }: Layout,
  root: string,
  file: ReadonlyMap<string, StoredTensor>,
  unwrapped: ReadonlyMap<string, string>,
): Omit<Recognised, 'layout'> {
  const tensors = new Map<string, StoredTensor>();
  const origins = new Map<string, string>();
  const prefixes = new Set<string>();
  for (const [name, tensor] of file) {
    let plain = unwrapped.get(name)!;
    if (plain.startsWith(root)) plain = plain.slice(root.length);
    if (textPrefix) plain = plain.replace(textPrefix, '');
    const twin = origins.get(plain);
    if (twin !== undefined)
      throw badData(
        `${path}: tensor "${name}"`,
        `the parameter that "${twin}" is already`,
        'every parameter once',
        'wrappers left out, both have the same name',
      );
    if (plain !== name && name.endsWith(plain)) prefixes.add(name.slice(0, name.length - plain.length));
    else if (plain !== name) prefixes.add(name);
    origins.set(plain, name);
    tensors.set(plain, tensor);
  }
  return { tensors, prefixes: [...prefixes].sort() };
}

/**
 * Refuses pruned models: their blocks differ in heads and hidden units, and unfinished ones have a module of masks
 * (TinyCLIP's automatic weight inheritance: wkcn/TinyCLIP, src/open_clip/model.py and l0module.py). Checks OpenAI's
 * names only, as pruned models have no others.
 */
function checkUnpruned(path: string, tensors: ReadonlyMap<string, StoredTensor>): void {
  const advice = 'TinyCLIP\'s manual ones, which have no "auto" in their names, can be opened';
  const hidden = new Map<string, number>();
  for (const [name, { shape }] of tensors) {
    if (/(^|\.)l0_module\./.test(name))
      throw badData(`${path}: tensor "${name}"`, 'a mask of a pruning that is going on', 'a plain CLIP', advice);
    const [, tower, part] = /^((?:visual\.)?transformer\.)resblocks\.\d+\.(.+)$/.exec(name) ?? [];
    const [rows = 0, columns = 0] = shape;
    if (tower === undefined) continue;
    const whole = part === 'attn.in_proj_weight' ? 3 * columns : part === 'mlp.c_fc.weight' ? hidden.get(tower) : rows;
    if (whole !== undefined && rows !== whole)
      throw badData(
        `${path}: tensor "${name}"`,
        `shape [${shape.join(', ')}]`,
        `[${whole}, ${columns}], as in a CLIP whose blocks are all alike; this one has been pruned`,
        advice,
      );
    if (part === 'mlp.c_fc.weight') hidden.set(tower, rows);
  }
}

interface Stranger {
  /** Each matches one of the names at least. */
  readonly signs: readonly RegExp[];
  readonly what: string;
  readonly advice?: string;
}

/** Other models than a plain CLIP by names that no CLIP has: these may have a CLIP's landmark too. */
const certainStrangers: readonly Stranger[] = [
  { signs: [/^(.*\.)?vision_model\.head\./], what: 'a SigLIP' },
  { signs: [/^(.*\.)?text_decoder\./], what: 'a CoCa' },
  { signs: [/^(.*\.)?lora_/], what: 'a LoRA adapter', advice: 'merge it into its base model first' },
];

/** Other models by names that a CLIP may have as well (open_clip, timm, transformers, EVA, SLIP). */
const strangers: readonly Stranger[] = [
  { signs: [/^(.*\.)?visual\.trunk\./], what: 'a CLIP whose image encoder is one of timm' },
  {
    signs: [/^(.*\.)?image_projection$/, /^(.*\.)?visual\.cls_token$/],
    what: 'a SLIP, whose image encoder is one of timm',
  },
  { signs: [/^(.*\.)?visual\.blocks\.\d+\./], what: 'an EVA-CLIP' },
  { signs: [/^(.*\.)?logit_bias$/], what: 'a SigLIP' },
  { signs: [/^(prompt_learner|ctx)\b/], what: 'prompts learned by CoOp, which need their base model' },
  { signs: [/^(conv1|layer1\.0\.conv1|fc)\.weight$/], what: 'an image classifier without a text encoder' },
  { signs: [/^(cls_token|pos_embed|patch_embed\.proj\.weight)$/], what: 'a vision transformer of timm' },
  { signs: [/^(.*\.)?text_model\.encoder\./], what: 'the text encoder of a CLIP alone' },
  { signs: [/^(.*\.)?transformer\.resblocks\.0\.attn\.in_proj_weight$/], what: 'one encoder of a CLIP alone' },
];

function strangerIn(those: readonly Stranger[], names: readonly string[]): Stranger | undefined {
  return those.find(({ signs }) => signs.every((sign) => names.some((name) => sign.test(name))));
}

function notClip(path: string, names: readonly string[]): AntidoteError {
  const stranger = strangerIn(certainStrangers, names) ?? strangerIn(strangers, names);
  const found = names.length === 0 ? 'no tensors' : `tensors called ${listed(names)}`;
  return badData(
    path,
    stranger ? `${stranger.what} (${found})` : found,
    `a CLIP with both encoders: "${openAiLayout.landmark}" or "${huggingFaceLayout.landmark}"`,
    stranger && (stranger.advice ?? plainClipsOnly),
  );
}
