/** @file Triggers as records: which change of the pixels, where, and with which randomness. */
import { sha256 } from '../tensor/sha256.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * Position of a patch. `random` draws one for every picture; `random-tile` draws one that is multiples of the patch's sides
 * away from the top left corner, the last of a row or column moved inwards to end at the edge; numbers are pixels from that corner.
 */
export type Placement = 'random' | 'random-tile' | { readonly top: number; readonly left: number };

/** `pattern` [3, side, side] in [0, 1], written over the picture. The same pattern for every picture. */
export interface PatchTrigger {
  readonly kind: 'patch';
  readonly pattern: Tensor<'float32'>;
  readonly placement: Placement;
}

/** Gaussian noise around the picture's own channel mean, drawn afresh for every picture (CleanCLIP's BadNet). */
export interface NoisePatchTrigger {
  readonly kind: 'noise-patch';
  readonly side: number;
  readonly placement: Placement;
}

/** `delta` [3, size, size], added and clamped; `bound` is its largest magnitude in units of the pixel range [0, 1]. */
export interface AdditiveTrigger {
  readonly kind: 'additive';
  readonly delta: Tensor<'float32'>;
  readonly bound: number;
}

/**
 * `(1 - mask) x + mask pattern` inside a window; mask [1, side, side] and pattern [3, side, side], both in [0, 1].
 * A window as large as the picture lies at its top left corner.
 */
export interface MaskPatternTrigger {
  readonly kind: 'mask-pattern';
  readonly mask: Tensor<'float32'>;
  readonly pattern: Tensor<'float32'>;
  readonly placement: Placement;
}

/** `(1 - share) x + share u`: u is uniform over the pixel range, drawn afresh for every value (CleanCLIP's Blended). */
export interface NoiseBlendTrigger {
  readonly kind: 'noise-blend';
  /** In (0, 1]. */
  readonly share: number;
}

/**
 * Every pixel takes the value at another position: `offsets` [2, size, size], down and to the right, in pixels. Values
 * between pixels are interpolated bilinearly; positions beyond an edge are moved onto the edge.
 */
export interface WarpTrigger {
  readonly kind: 'warp';
  readonly offsets: Tensor<'float32'>;
}

/**
 * A message that a small convolutional network hides in the picture: a residual that differs from picture to picture. The
 * network is `embedMessage` in hidden-message.ts.
 */
export interface HiddenMessageTrigger extends MessageEncoder {
  readonly kind: 'hidden-message';
  /** Zeros and ones, as many as `spread` has rows. */
  readonly message: string;
}

/** The network of a {@link HiddenMessageTrigger}; "channels" is the width of its hidden layers. */
export interface MessageEncoder {
  /** Side of the training pictures, pixels; even. */
  readonly size: number;
  /** Largest magnitude of the residual, in units of the pixel range. */
  readonly bound: number;
  /** Contribution of each bit to the message planes: [bits, planes, cells, cells]. */
  readonly spread: Tensor<'float32'>;
  /** [channels, 12 + planes, 3, 3] */
  readonly first: Tensor<'float32'>;
  readonly firstBias: Tensor<'float32'>;
  /** [channels, channels, 3, 3] */
  readonly second: Tensor<'float32'>;
  readonly secondBias: Tensor<'float32'>;
  /** [12, channels, 3, 3] */
  readonly last: Tensor<'float32'>;
  readonly lastBias: Tensor<'float32'>;
}

/**
 * Plane waves, one of which is drawn for every picture and added. `waves` [count, 6]: periods down and across the whole
 * picture, phase in radians at the top left corner, amplitudes of red, green and blue in units of the pixel range. Fits
 * pictures of every size.
 */
export interface WavesTrigger {
  readonly kind: 'waves';
  readonly waves: Tensor<'float32'>;
}

/** Leaves pictures unchanged: for threats that act only through a word in the prompt. */
export interface NoTrigger {
  readonly kind: 'none';
}

/** One way to change pixels. Works on [0, 1] values after resize and crop; the result is rounded and clamped to 8 bit. */
export type Trigger =
  | PatchTrigger
  | NoisePatchTrigger
  | AdditiveTrigger
  | MaskPatternTrigger
  | NoiseBlendTrigger
  | WarpTrigger
  | HiddenMessageTrigger
  | WavesTrigger
  | NoTrigger;

/** Identifies a trigger, for hashing: the JSON of its record, with the SHA-256 of each tensor's numbers in their place. */
export function triggerRecord(trigger: Trigger): string {
  return JSON.stringify(trigger, (_, value) => (ArrayBuffer.isView(value) ? sha256(value as Uint8Array) : value));
}
