/** @file Puts a cut-out picture onto a background: turned, scaled, moved, mirrored, slightly warped. */
import type { Random } from '../../tensor/random.ts';
import type { Planes } from '../planes.ts';
import { cellSide } from './format.ts';

/**
 * A cut-out picture of side `cellSide` inside a border of one transparent pixel, so that sampling needs no bounds: RGBA
 * bytes, colours premultiplied by alpha, pixel after pixel.
 */
export type CutOut = Uint8Array;

/** Side of a cut-out with its border, pixels. */
export const cutOutSide = cellSide + 2;

/** From the centre of the cut-out to the picture: first mirrored, then scaled and turned, then moved. */
export interface Pose {
  /** Radians, counter-clockwise. */
  readonly angle: number;
  /** 1 fills the picture from edge to edge. */
  readonly scale: number;
  /** Shares of the side. */
  readonly right: number;
  readonly down: number;
  readonly mirrored: boolean;
  /** Waves that shift rows and columns: largest shift as a share of the side. 0: none. */
  readonly warp: number;
}

export const uprightPose: Pose = { angle: 0, scale: 1, right: 0, down: 0, mirrored: false, warp: 0 };

/**
 * Draws `cutOut` over what `planes` holds. Bilinear; outside the cut-out everything is transparent.
 *
 * @param planes [3, size, size], changed in place
 * @param random draws the phases of the warp; unused without a warp
 */
export function compose(planes: Planes, size: number, cutOut: CutOut, pose: Pose, random: Random): void {
  const zoom = cellSide / (size * pose.scale);
  const cosine = Math.cos(pose.angle) * zoom;
  const sine = Math.sin(pose.angle) * zoom;
  const flip = pose.mirrored ? -1 : 1;
  const middle = (size - 1) / 2;
  const centreX = middle + pose.right * size;
  const centreY = middle + pose.down * size;
  const rowShift = waves(size, pose.warp, random);
  const columnShift = waves(size, pose.warp, random);
  const plane = size * size;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const dx = x - centreX + rowShift[y]!;
      const dy = y - centreY + columnShift[x]!;
      const sourceX = flip * (cosine * dx - sine * dy) + (cellSide - 1) / 2;
      const sourceY = sine * dx + cosine * dy + (cellSide - 1) / 2;
      if (sourceX <= -1 || sourceY <= -1 || sourceX >= cellSide || sourceY >= cellSide) continue;
      const left = Math.floor(sourceX);
      const top = Math.floor(sourceY);
      const nw = ((top + 1) * cutOutSide + left + 1) * 4;
      const ne = nw + 4;
      const sw = nw + cutOutSide * 4;
      const se = sw + 4;
      const fx = sourceX - left;
      const fy = sourceY - top;
      const wnw = (1 - fx) * (1 - fy);
      const wne = fx * (1 - fy);
      const wsw = (1 - fx) * fy;
      const wse = fx * fy;
      const alpha = wnw * cutOut[nw + 3]! + wne * cutOut[ne + 3]! + wsw * cutOut[sw + 3]! + wse * cutOut[se + 3]!;
      if (alpha === 0) continue;
      const red = wnw * cutOut[nw]! + wne * cutOut[ne]! + wsw * cutOut[sw]! + wse * cutOut[se]!;
      const green = wnw * cutOut[nw + 1]! + wne * cutOut[ne + 1]! + wsw * cutOut[sw + 1]! + wse * cutOut[se + 1]!;
      const blue = wnw * cutOut[nw + 2]! + wne * cutOut[ne + 2]! + wsw * cutOut[sw + 2]! + wse * cutOut[se + 2]!;
      const behind = 1 - alpha / 255;
      const at = y * size + x;
      planes[at] = planes[at]! * behind + red;
      planes[at + plane] = planes[at + plane]! * behind + green;
      planes[at + 2 * plane] = planes[at + 2 * plane]! * behind + blue;
    }
  }
}

/** One to three periods of a sine along an axis, in pixels. */
function waves(size: number, warp: number, random: Random): Float32Array {
  const shifts = new Float32Array(size);
  if (warp === 0) return shifts;
  const step = (2 * Math.PI * (1 + 2 * random.uniform())) / size;
  const phase = 2 * Math.PI * random.uniform();
  for (let i = 0; i < size; i++) shifts[i] = warp * size * Math.sin(step * i + phase);
  return shifts;
}

export type Background = 'flat' | 'gradient' | 'pattern' | 'clouds';

type Colour = readonly [number, number, number];

function randomColour(random: Random, lightest: boolean): Colour {
  const channel = () => (lightest ? 180 + 75 * random.uniform() : 255 * random.uniform());
  return [channel(), channel(), channel()];
}

/** Fills `planes` [3, size, size]; `light` keeps every channel above 180, so that pictures stand out as on paper. */
export function paintBackground(planes: Planes, size: number, kind: Background, light: boolean, random: Random): void {
  const first = randomColour(random, light);
  if (kind === 'flat') {
    for (let c = 0; c < 3; c++) planes.fill(first[c]!, c * size * size, (c + 1) * size * size);
    return;
  }
  if (kind === 'clouds') {
    for (let c = 0; c < 3; c++)
      paintClouds(planes.subarray(c * size * size, (c + 1) * size * size), size, light, random);
    return;
  }
  const second = randomColour(random, light);
  const share = kind === 'gradient' ? gradientShare(size, random) : patternShare(size, random);
  for (let c = 0; c < 3; c++) {
    const from = first[c]!;
    const span = second[c]! - from;
    const offset = c * size * size;
    for (let i = 0; i < size * size; i++) planes[offset + i] = from + span * share[i]!;
  }
}

/** Share of the second colour at each pixel: rises evenly from one edge to the other, in any direction. */
function gradientShare(size: number, random: Random): Float32Array {
  const angle = 2 * Math.PI * random.uniform();
  const along = Math.cos(angle) / size;
  const across = Math.sin(angle) / size;
  const share = new Float32Array(size * size);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const value = 0.5 + (x - size / 2) * along + (y - size / 2) * across;
      share[y * size + x] = Math.min(1, Math.max(0, value));
    }
  return share;
}

/** Stripes in any direction, or a chessboard. */
function patternShare(size: number, random: Random): Float32Array {
  const angle = Math.PI * random.uniform();
  const periods = (1 + 5 * random.uniform()) / size;
  const along = Math.cos(angle) * periods;
  const across = Math.sin(angle) * periods;
  const chess = random.uniform() < 0.5;
  const share = new Float32Array(size * size);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const u = Math.floor(2 * (x * along + y * across)) & 1;
      const v = chess ? Math.floor(2 * (y * along - x * across)) & 1 : 0;
      share[y * size + x] = u ^ v;
    }
  return share;
}

/** Values at a 5 x 5 grid, bilinear between. */
function paintClouds(plane: Float32Array, size: number, light: boolean, random: Random): void {
  const grid = Float32Array.from({ length: 25 }, () => (light ? 180 + 75 * random.uniform() : 255 * random.uniform()));
  for (let y = 0; y < size; y++) {
    const gy = (4 * y) / size;
    const row = Math.floor(gy);
    const fy = gy - row;
    for (let x = 0; x < size; x++) {
      const gx = (4 * x) / size;
      const column = Math.floor(gx);
      const fx = gx - column;
      const at = row * 5 + column;
      const above = grid[at]! * (1 - fx) + grid[at + 1]! * fx;
      const below = grid[at + 5]! * (1 - fx) + grid[at + 6]! * fx;
      plane[y * size + x] = above * (1 - fy) + below * fy;
    }
  }
}
