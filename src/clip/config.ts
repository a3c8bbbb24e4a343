/** @file A CLIP's architecture, as data. */

export interface VitConfig {
  readonly kind: 'vit';
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Side of a patch, pixels. */
  readonly patch: number;
  /** Side of the input, pixels. */
  readonly resolution: number;
  /** Width of the hidden MLP layer. */
  readonly hidden: number;
}

/** OpenAI's ModifiedResNet: three-convolution stem, average pools instead of strides, attention pooling. */
export interface ResNetConfig {
  readonly kind: 'resnet';
  readonly width: number;
  /** Bottleneck blocks in each of the four stages. */
  readonly layers: readonly [number, number, number, number];
  readonly heads: number;
  readonly resolution: number;
}

/** Shift of a picture, in pixels, that shifts the tower's first features by one position. */
export const firstStride = (image: VitConfig | ResNetConfig): number => (image.kind === 'vit' ? image.patch : 4);

export interface TextConfig {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Longest sequence, tokens. */
  readonly context: number;
  readonly vocabulary: number;
  readonly hidden: number;
}

/** `quick-gelu` is OpenAI's x * sigmoid(1.702 x); `gelu` the exact erf form. */
export type Activation = 'quick-gelu' | 'gelu';

export interface Preprocessing {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  /** `shortest`: shorter side to the resolution, then centre crop; `squash`: both sides, aspect ratio lost. */
  readonly resize: 'shortest' | 'squash';
  readonly interpolation: 'bicubic' | 'bilinear';
  /** Whose centre crop: where a margin is odd, the two may differ by a pixel. */
  readonly centre: 'torchvision' | 'transformers';
}

export interface ClipConfig {
  readonly image: VitConfig | ResNetConfig;
  readonly text: TextConfig;
  /** Size of the shared embedding. */
  readonly embedding: number;
  readonly activation: Activation;
  readonly preprocessing: Preprocessing;
}

/** Mean and standard deviation of OpenAI's training data (`clip/clip.py`), in units of the pixel range [0, 1]. */
export const openAiPreprocessing: Preprocessing = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
  resize: 'shortest',
  interpolation: 'bicubic',
  centre: 'torchvision',
};
