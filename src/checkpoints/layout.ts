/** @file Whose names a file's tensors carry, told from the names alone; wrappers of training frameworks are taken off. */
import type { AntidoteError } from '../errors.ts';
import { badData } from '../errors.ts';
import type { StoredTensor } from '../tensor/tensor.ts';
import { huggingFaceLayout, type Layout, listed, openAiLayout } from './key-map.ts';

/** Hugging Face first: its landmark is the longer one. */
const layouts: readonly Layout[] = [huggingFaceLayout, openAiLayout];

/**
 * Parts of names that PyTorch's wrappers put in, wherever they wrapped: the whole model or one tower, in any order
 * (`torch.nn.DataParallel` and `DistributedDataParallel`; `torch.compile`). No parameter of a CLIP has such a part.
 */
const wrappers: ReadonlySet<string> = new Set(['module', '_orig_mod']);

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
    if (roots.length === 1) return { layout, ...plainNames(path, layout, roots[0]!, file, unwrapped) };
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
