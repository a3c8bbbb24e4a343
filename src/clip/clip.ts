/** @file A CLIP that has been found on disk: its architecture, where each parameter lies, its tokenizer. */
import type { StoredTensor } from '../tensor/tensor.ts';
import type { ClipConfig } from './config.ts';

/**
 * How a parameter is put together from what the file holds. Foreign layouts split or transpose some matrices;
 * saying so here, instead of copying, lets the engine map the file.
 */
export type Parameter =
  | { readonly kind: 'stored'; readonly tensor: StoredTensor }
  | { readonly kind: 'transposed'; readonly of: Parameter }
  | { readonly kind: 'joined'; readonly parts: readonly Parameter[]; readonly axis: number };

/** Parameters by OpenAI's names (`visual.conv1.weight`, `transformer.resblocks.0.attn.in_proj_weight`, ...). */
export type Parameters = ReadonlyMap<string, Parameter>;

export interface Tokenizer {
  /**
   * Token ids with start and end marks, not padded. A text longer than the context is a usage error, or, on
   * `truncate`, cut with the end mark put back last, as open_clip does.
   */
  encode(text: string, overlong?: 'refuse' | 'truncate'): readonly number[];
  readonly start: number;
  readonly end: number;
}

export interface Clip {
  /** What the user called it: a folder, a file, `emoji-clip:badnet`. */
  readonly name: string;
  readonly config: ClipConfig;
  readonly parameters: Parameters;
  readonly tokenizer: Tokenizer;
  /** SHA-256 of the weights file(s), hex. */
  readonly sha256: string;
  /** In which form it was found. */
  readonly format: Format;
  /** How it was read, for whoever wants to know why it is read so. */
  readonly reading: Reading;
}

/** Folders by their configuration; bare files by what they hold. */
export type Format = 'hugging-face' | 'open-clip' | 'state-dict' | 'training-checkpoint' | 'torchscript';

/** Whose names the tensors carry. */
export type LayoutName = 'openai' | 'hugging-face';

/** Where a fact about a model is from: its configuration, its weights' shapes, what is known of such models, or nowhere. */
export interface Origin {
  readonly from: 'config' | 'shapes' | 'known' | 'assumed';
  /** In words: the file, the known model, why it was assumed. */
  readonly note: string;
}

export const facts = ['architecture', 'heads', 'activation', 'preprocessing', 'tokenizer'] as const;

export interface HubSource {
  /** `org/name`. */
  readonly repository: string;
  /** As asked for: a branch, a tag, a commit. */
  readonly revision: string;
  /** What it was then. */
  readonly commit: string;
}

export interface Reading {
  readonly weights: readonly string[];
  /** What the weights are stored in: safetensors, or one of PyTorch's three forms. */
  readonly container: 'safetensors' | 'zip' | 'legacy' | 'torchscript';
  /** Size of the weights file(s). */
  readonly bytes: number;
  readonly layout: LayoutName;
  /** How many parameters' tensors are of each element type. */
  readonly dtypes: Readonly<Record<string, number>>;
  /** What training wrappers had put before the names: `module.`, `_orig_mod.`. */
  readonly prefixes: readonly string[];
  /** Tensors of the file that are no parameters, by name: buffers that are rebuilt, counters. */
  readonly ignored: readonly string[];
  readonly origins: { readonly [Fact in (typeof facts)[number]]: Origin };
  /** The known model of these shapes, if there is one and the configuration did not say. */
  readonly known: string | null;
  /** The Hugging Face repository that it was fetched from, if it was. */
  readonly hub: HubSource | null;
}

/** What purification produces: a linear classifier over the untouched image encoder. */
export interface Head {
  readonly classes: readonly string[];
  /** Unit rows, shape [classes, embedding]. */
  readonly embeddings: Float32Array;
  readonly embedding: number;
  /** Multiplies cosines before softmax: exp(logit_scale). */
  readonly scale: number;
}
