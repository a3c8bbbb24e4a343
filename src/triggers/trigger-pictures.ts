/** @file Pictures of a trigger: its mask, its pattern, and its amplified effect. */
import type { PictureSet } from '../clip/pictures/pictures.ts';
import { triggering } from './apply.ts';
import { type PngUrl, pngUrl } from './png.ts';
import type { Trigger } from './trigger.ts';

/** A trigger drawn for a report. */
export interface TriggerPictures {
  /** Its form in words: `mask + pattern`, `patch`, ... */
  readonly form: string;
  /** One channel as grey, white where the trigger covers the picture; null for forms without a mask. */
  readonly mask: PngUrl | null;
  /** The pattern; null for forms without a fixed one. */
  readonly pattern: PngUrl | null;
  readonly clean: PngUrl;
  readonly triggered: PngUrl;
  /** `triggered - clean` times `factor`, drawn around mid grey. */
  readonly difference: { readonly picture: PngUrl; readonly factor: number };
  /** Largest change of one value, in levels of 0 to 255. */
  readonly largest: number;
  /** Share of pixels that change, in [0, 1]. */
  readonly changed: number;
  /** Share of pixels that change by `visibleLevels` or more, in [0, 1]. Missing in runs of earlier versions. */
  readonly visible?: number;
}

/** A soft mask changes nearly every pixel by a level or two, which no eye sees. */
export const visibleLevels = 8;

/** Round factors, easy to divide by. */
const factors = [1, 2, 5, 10, 20, 50, 100];

const forms: { readonly [Kind in Trigger['kind']]: string } = {
  patch: 'patch',
  'noise-patch': 'patch of fresh noise',
  additive: 'additive',
  'mask-pattern': 'mask + pattern',
  'noise-blend': 'fresh noise over the whole picture',
  warp: 'warp',
  'hidden-message': 'hidden message, different in every picture',
  waves: 'plane waves, one of several in every picture',
  none: 'nothing in the picture',
};

/** The largest round factor at which a change of `largest` levels fits into the range around mid grey. */
export function amplification(largest: number): number {
  return factors.findLast((factor) => factor * largest <= 127) ?? 1;
}

/** `triggered - clean` times `factor` around 128, cut to 0 to 255. */
export function amplified(clean: Uint8Array, triggered: Uint8Array, factor: number): Uint8Array {
  const picture = new Uint8ClampedArray(clean.length);
  for (let at = 0; at < clean.length; at++) picture[at] = 128 + factor * (triggered[at]! - clean[at]!);
  return new Uint8Array(picture.buffer);
}

/** Rounded to the nearest byte, halves to even, and clamped: for drawings only, unlike `toByte`. */
function toBytes(values: Float32Array, scale: (value: number) => number): Uint8Array {
  return new Uint8Array(Uint8ClampedArray.from(values, scale).buffer);
}

/** Mask and pattern, as far as the form has them. */
async function parts(trigger: Trigger): Promise<Pick<TriggerPictures, 'mask' | 'pattern'>> {
  const unit = (value: number) => 255 * value;
  switch (trigger.kind) {
    case 'patch': {
      const [, height, width] = trigger.pattern.shape as [number, number, number];
      return { mask: null, pattern: await pngUrl(toBytes(trigger.pattern.data, unit), [3, height, width]) };
    }
    case 'mask-pattern': {
      const [, height, width] = trigger.pattern.shape as [number, number, number];
      const { data } = trigger.mask;
      // Outside the mask the pattern is arbitrary, so it is drawn through its mask.
      const painted = trigger.pattern.data.map((value, at) => value * data[at % (height * width)]!);
      return {
        mask: await pngUrl(toBytes(data, unit), [1, height, width]),
        pattern: await pngUrl(toBytes(painted, unit), [3, height, width]),
      };
    }
    case 'additive': {
      const [, height, width] = trigger.delta.shape as [number, number, number];
      const around = toBytes(trigger.delta.data, (value) => 128 + (127 * value) / trigger.bound);
      return { mask: null, pattern: await pngUrl(around, [3, height, width]) };
    }
    // These differ from picture to picture; `difference` shows one.
    case 'noise-patch':
    case 'noise-blend':
    case 'warp':
    case 'hidden-message':
    case 'waves':
    case 'none':
      return { mask: null, pattern: null };
  }
}

/**
 * Draws a trigger on one picture. `clean` and `triggered` are that picture, [3, size, size], 0 to 255, without and
 * with the trigger applied.
 */
export async function triggerPictures(
  trigger: Trigger,
  clean: Uint8Array,
  triggered: Uint8Array,
  size: number,
): Promise<TriggerPictures> {
  const area = size * size;
  let largest = 0;
  const changes = new Uint8Array(area);
  for (let at = 0; at < clean.length; at++) {
    const change = Math.abs(triggered[at]! - clean[at]!);
    largest = Math.max(largest, change);
    changes[at % area] = Math.max(changes[at % area]!, change);
  }
  const factor = amplification(largest);
  const shareFrom = (levels: number) => changes.filter((change) => change >= levels).length / area;
  return {
    form: forms[trigger.kind],
    ...(await parts(trigger)),
    clean: await pngUrl(clean, [3, size, size]),
    triggered: await pngUrl(triggered, [3, size, size]),
    difference: { picture: await pngUrl(amplified(clean, triggered, factor), [3, size, size]), factor },
    largest,
    changed: shareFrom(1),
    visible: shareFrom(visibleLevels),
  };
}

/** Draws a trigger on the first picture of a set. */
export async function drawTrigger(
  { set, seed }: { readonly set: PictureSet; readonly seed: number },
  trigger: Trigger,
): Promise<TriggerPictures> {
  const picture = await set.read([0]);
  const triggered = triggering(trigger, seed, 'drawing')(picture, [0]);
  return triggerPictures(trigger, picture.data, triggered.data, set.size);
}
