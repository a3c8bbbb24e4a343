/** @file Puts a trigger onto pictures, with the rounding and clamping of 8-bit pictures. */
import { onePictureAtATime, type Pictures, toByte } from '../clip/pictures/pictures.ts';
import { badData } from '../errors.ts';
import { type Random, randomFor } from '../tensor/random.ts';
import type { Shape } from '../tensor/tensor.ts';
import { embedMessage } from './hidden-message.ts';
import type { Placement, Trigger } from './trigger.ts';
import { warp } from './warp.ts';
import { addWave } from './waves.ts';

/**
 * Triggered copies of the pictures; pixels that the trigger does not touch keep their bytes.
 *
 * Values are computed on the pixel range, then rounded to the nearest byte (halves up) and clamped. Published code casts
 * without clamping, so BadNet's noise wraps around; in a picture saved to a file that cannot happen.
 *
 * @param pictures [count, 3, size, size]
 * @param random drawn picture by picture: first the position (row, column), then the noise; or one of several waves
 * @throws AntidoteError (data) if the trigger is larger than the pictures, or made for another size
 */
export function applyTrigger(trigger: Trigger, pictures: Pictures, random: Random): Pictures {
  const [count = 0, , size = 0] = pictures.shape;
  checkFit(trigger, size);
  const data = pictures.data.slice();
  const length = 3 * size * size;
  for (let i = 0; i < count; i++) changePicture(trigger, data.subarray(i * length, (i + 1) * length), size, random);
  return { dtype: 'uint8', shape: pictures.shape, data };
}

/**
 * The trigger as a transformation of the pictures at `positions` of a set. Each picture's random numbers depend only on
 * seed, path and its position, so the batches may be cut anywhere.
 */
export function triggering(trigger: Trigger, seed: number, ...path: readonly string[]) {
  return (pictures: Pictures, positions: readonly number[]): Pictures =>
    onePictureAtATime(pictures, positions, (one, position) =>
      applyTrigger(trigger, one, randomFor(seed, ...path, position)),
    );
}

/** Changes one picture [3, size, size] in place. */
function changePicture(trigger: Trigger, picture: Uint8Array, size: number, random: Random): void {
  switch (trigger.kind) {
    case 'patch': {
      const [, height = 0, width = 0] = trigger.pattern.shape;
      const { data } = trigger.pattern;
      inWindow(picture, size, { height, width, placement: trigger.placement }, random, (_pixel, at) => 255 * data[at]!);
      return;
    }
    case 'noise-patch': {
      const means = channelMeans(picture);
      const { side, placement } = trigger;
      const noise = (_pixel: number, _at: number, channel: number) => means[channel]! + 255 * random.normal();
      inWindow(picture, size, { height: side, width: side, placement }, random, noise);
      return;
    }
    case 'additive': {
      const { data } = trigger.delta;
      for (let i = 0; i < picture.length; i++) picture[i] = toByte(picture[i]! + 255 * data[i]!);
      return;
    }
    case 'mask-pattern': {
      const [, height = 0, width = 0] = trigger.mask.shape;
      const mask = trigger.mask.data;
      const pattern = trigger.pattern.data;
      const area = height * width;
      inWindow(picture, size, { height, width, placement: trigger.placement }, random, (pixel, at) => {
        return pixel + mask[at % area]! * (255 * pattern[at]! - pixel);
      });
      return;
    }
    case 'noise-blend': {
      const { share } = trigger;
      for (let i = 0; i < picture.length; i++) {
        picture[i] = toByte((1 - share) * picture[i]! + share * 255 * random.uniform());
      }
      return;
    }
    case 'warp':
      warp(trigger, picture, size);
      return;
    case 'hidden-message':
      embedMessage(trigger, picture, size);
      return;
    case 'waves':
      addWave(trigger, random.integer(trigger.waves.shape[0]!), picture, size);
      return;
    case 'none':
      return;
    default:
      trigger satisfies never;
  }
}

interface Window {
  readonly height: number;
  readonly width: number;
  readonly placement: Placement;
}

/** Rewrites a window: `value` gets the pixel, its index in [3, height, width] of the window, and its channel. */
function inWindow(
  picture: Uint8Array,
  size: number,
  { height, width, placement }: Window,
  random: Random,
  value: (pixel: number, at: number, channel: number) => number,
): void {
  const top = startOf(placement, 'top', size, height, random);
  const left = startOf(placement, 'left', size, width, random);
  let at = 0;
  for (let channel = 0; channel < 3; channel++)
    for (let y = 0; y < height; y++) {
      const row = (channel * size + top + y) * size + left;
      for (let x = 0; x < width; x++, at++) picture[row + x] = toByte(value(picture[row + x]!, at, channel));
    }
}

/** First position of a window of `length` pixels along one side of the picture. */
function startOf(placement: Placement, edge: 'top' | 'left', size: number, length: number, random: Random): number {
  switch (placement) {
    case 'random':
      return random.integer(size - length + 1);
    case 'random-tile':
      return tileStart(random.integer(tilesAlong(size, length)), size, length);
    default:
      return placement[edge];
  }
}

/** Number of tiles of `length` pixels that cover a side of `size`. */
export const tilesAlong = (size: number, length: number): number => Math.ceil(size / length);

/** First pixel of the tile at `index`. The last tile ends at the edge of the picture, so it may overlap the one before. */
export const tileStart = (index: number, size: number, length: number): number =>
  Math.min(index * length, size - length);

function channelMeans(picture: Uint8Array): readonly number[] {
  const plane = picture.length / 3;
  return [0, 1, 2].map((c) => picture.subarray(c * plane, (c + 1) * plane).reduce((sum, v) => sum + v, 0) / plane);
}

/** The part of the picture that a trigger changes, [height, width]; undefined if it fits pictures of every size. */
function extent(trigger: Trigger): Shape | undefined {
  switch (trigger.kind) {
    case 'patch':
      return trigger.pattern.shape.slice(1);
    case 'noise-patch':
      return [trigger.side, trigger.side];
    case 'additive':
      return trigger.delta.shape.slice(1);
    case 'mask-pattern':
      return trigger.mask.shape.slice(1);
    case 'warp':
      return trigger.offsets.shape.slice(1);
    case 'hidden-message':
      return [trigger.size, trigger.size];
    case 'noise-blend':
    case 'waves':
    case 'none':
      return undefined;
  }
}

/**
 * @param where names the trigger in the error
 * @throws AntidoteError (data) if the trigger is larger than pictures of this size, or made for another size
 */
export function checkFit(trigger: Trigger, size: number, where = 'trigger'): void {
  const rewritten = extent(trigger);
  if (!rewritten) return;
  const [height = 0, width = 0] = rewritten;
  const found = `a ${trigger.kind} of ${height} x ${width} pixels`;
  if (!('placement' in trigger)) {
    if (height === size && width === size) return;
    throw badData(where, found, `${size} x ${size}, the size of the pictures`, 'it was made for another model');
  }
  const { placement } = trigger;
  const { top, left } = typeof placement === 'string' ? { top: 0, left: 0 } : placement;
  if (top >= 0 && left >= 0 && top + height <= size && left + width <= size) return;
  const place = typeof placement === 'string' ? '' : ` at row ${top}, column ${left}`;
  throw badData(where, found + place, `to lie inside pictures of ${size} x ${size}`, 'it was made for another model');
}
