/** @file A CLIP on disk: its architecture, the location of each parameter, its tokenizer. */
import type { StoredTensor } from '../tensor/tensor.ts';
import type { ClipConfig } from './config.ts';

/**
 * How a parameter is assembled from tensors of the file. Some layouts split or transpose matrices; a description instead of
 * a copy lets the engine map the file.
 */
export type Parameter =
  | { readonly kind: 'stored'; readonly tensor: StoredTensor }
  | { readonly kind: 'transposed'; readonly of: Parameter }
  | { readonly kind: 'joined'; readonly parts: readonly Parameter[]; readonly axis: number };

/** Parameters by OpenAI's names (`visual.conv1.weight`, `transformer.resblocks.0.attn.in_proj_weight`, ...). */
export type Parameters = ReadonlyMap<string, Parameter>;

export interface Tokenizer {
  /**
   * Token ids with start and end marks, not padded. A text longer than the context is a usage error or, with `truncate`,
   * cut with the end mark as the last token, as open_clip does.
   */
  encode(text: string, overlong?: 'refuse' | 'truncate'): readonly number[];
  readonly start: number;
  readonly end: number;
}

export interface Clip {
  /** The user's name for it: a folder, a file, `emoji-clip:badnet`. */
  readonly name: string;
  readonly config: ClipConfig;
  readonly parameters: Parameters;
  readonly tokenizer: Tokenizer;
  /** SHA-256 of the weights file(s), hex. */
  readonly sha256: string;
  readonly format: Format;
  /** How it was read, and why. */
  readonly reading: Reading;
}

/** Folders by their configuration, bare files by their content. */
export type Format = 'hugging-face' | 'open-clip' | 'state-dict' | 'training-checkpoint' | 'torchscript';

/** The naming scheme of the tensors. */
export type LayoutName = 'openai' | 'hugging-face';

/** Where a fact about a model comes from: its configuration, the shapes of its weights, a known model, an assumption. */
export interface Origin {
  readonly from: 'config' | 'shapes' | 'known' | 'assumed';
  /** In words: the file, the known model, the reason for the assumption. */
  readonly note: string;
}

export const facts = ['architecture', 'heads', 'activation', 'preprocessing', 'tokenizer'] as const;

export interface HubSource {
  /** `org/name`. */
  readonly repository: string;
  /** As requested: a branch, a tag, a commit. */
  readonly revision: string;
  /** The commit that the revision named when it was fetched. */
  readonly commit: string;
}

export interface Reading {
  readonly weights: readonly string[];
  /** Safetensors, or one of PyTorch's three file formats. */
  readonly container: 'safetensors' | 'zip' | 'legacy' | 'torchscript';
  /** Size of the weights file(s). */
  readonly bytes: number;
  readonly layout: LayoutName;
  /** Number of the parameters' tensors by element type. */
  readonly dtypes: Readonly<Record<string, number>>;
  /** Name prefixes from training wrappers: `module.`, `_orig_mod.`. */
  readonly prefixes: readonly string[];
  /** Names of tensors that are not parameters: buffers that are rebuilt, counters. */
  readonly ignored: readonly string[];
  readonly origins: { readonly [Fact in (typeof facts)[number]]: Origin };
  /** The known model with these shapes, where the configuration does not name one. */
  readonly known: string | null;
  /** The Hugging Face repository, where it was fetched from one. */
  readonly hub: HubSource | null;
}

/** The product of purification: a linear classifier over the unchanged image encoder. */
export interface Head {
  readonly classes: readonly string[];
  /** Unit rows, shape [classes, embedding]. */
  readonly embeddings: Float32Array;
  readonly embedding: number;
  /** Multiplies cosines before softmax: exp(logit_scale). */
  readonly scale: number;
}
