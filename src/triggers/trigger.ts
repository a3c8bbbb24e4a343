/** @file What a trigger is: a record that says what is done to the pixels, where, and with which randomness. */
import type { Tensor } from '../tensor/tensor.ts';

/** Where a patch lands. `random` draws a place for every picture; a number is pixels from the top left corner. */
export type Placement = 'random' | { readonly top: number; readonly left: number };

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

/** One way to change pixels. Works on [0, 1] values after resize and crop; the result is rounded and clamped to 8 bit. */
export type Trigger = PatchTrigger | NoisePatchTrigger | AdditiveTrigger | MaskPatternTrigger;
