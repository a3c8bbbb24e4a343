/** @file Whose names a file's tensors carry, told from the names alone; wrappers of training frameworks are taken off. */
import type { AntidoteError } from '../errors.ts';
import { badData } from '../errors.ts';
import type { StoredTensor } from '../tensor/tensor.ts';
import { huggingFaceLayout, type Layout, listed, openAiLayout } from './key-map.ts';

/** Hugging Face first: its landmark is the longer one. */
const layouts: readonly Layout[] = [huggingFaceLayout, openAiLayout];

/**
 * Parts of names that wrappers put in, wherever they wrapped: the whole model or one tower, in any order. No parameter
 * of a CLIP has such a part.
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
  /** What stood before plain names, each once, in order: `module.`, `_orig_mod.module.`. */
  readonly prefixes: readonly string[];
}

/**
 * Recognises the layout by its landmark. Besides the known wrappers, whatever stands before the landmark
 * (`model.`, `clip.`) is taken for the name of the attribute that held the model, and taken off all names that have it.
 *
 * @throws AntidoteError (data) if the tensors are no plain CLIP, saying what they look like
 */
export function recogniseLayout(path: string, file: ReadonlyMap<string, StoredTensor>): Recognised {
  const unwrapped = new Map([...file.keys()].map((name) => [name, withoutWrappers(name)]));
  for (const layout of layouts) {
    const roots = rootsOf(layout, unwrapped.values());
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
  throw notClip(path, [...unwrapped.values()]);
}

function withoutWrappers(name: string): string {
  const parts = name.split('.');
  return parts.some((part) => wrappers.has(part)) ? parts.filter((part) => !wrappers.has(part)).join('.') : name;
}

function rootsOf({ landmark }: Layout, names: Iterable<string>): string[] {
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
 * Pruning leaves every block heads and hidden units of its own number, and while it goes on, a module of masks (TinyCLIP's
 * automatic weight inheritance: wkcn/TinyCLIP, src/open_clip/model.py and l0module.py). Only OpenAI's names are looked at,
 * as pruned models have no others.
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

/** Names by which models that are not a plain CLIP give themselves away (open_clip, timm, transformers, EVA). */
const strangers: readonly { readonly sign: RegExp; readonly what: string }[] = [
  { sign: /^(.*\.)?visual\.trunk\./, what: 'a CLIP whose image encoder is one of timm' },
  { sign: /^(.*\.)?visual\.blocks\.\d+\./, what: 'an EVA-CLIP' },
  { sign: /^(.*\.)?vision_model\.head\.|^(.*\.)?logit_bias$/, what: 'a SigLIP' },
  { sign: /^(.*\.)?text_decoder\./, what: 'a CoCa' },
  { sign: /^(.*\.)?lora_|\.lora_[AB]\./, what: 'a LoRA adapter, which needs its base model' },
  { sign: /^(prompt_learner|ctx)\b/, what: 'prompts learned by CoOp, which need their base model' },
  { sign: /^(conv1|layer1\.0\.conv1|fc)\.weight$/, what: 'an image classifier without a text encoder' },
  { sign: /^(cls_token|pos_embed|patch_embed\.proj\.weight)$/, what: 'a vision transformer of timm' },
  { sign: /^(.*\.)?text_model\.encoder\./, what: 'the text encoder of a CLIP alone' },
  { sign: /^(.*\.)?transformer\.resblocks\.0\.attn\.in_proj_weight$/, what: 'one encoder of a CLIP alone' },
];

function notClip(path: string, names: readonly string[]): AntidoteError {
  const stranger = strangers.find(({ sign }) => names.some((name) => sign.test(name)));
  const found = names.length === 0 ? 'no tensors' : `tensors called ${listed(names)}`;
  return badData(
    path,
    stranger ? `${stranger.what} (${found})` : found,
    `a CLIP with both encoders: "${openAiLayout.landmark}" or "${huggingFaceLayout.landmark}"`,
    stranger ? 'only CLIPs made of a ViT or a ModifiedResNet and a text transformer can be opened' : undefined,
  );
}
