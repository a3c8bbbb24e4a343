/** @file Pillow's resampling, bit for bit: antialiased, separable, 8 bit between the passes. */

/** 8-bit RGB: rows from the top, three bytes a pixel. */
export interface DecodedImage {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

export type Filter = 'bicubic' | 'bilinear';

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Part of a picture, in pixels of the resized picture. */
export interface Window extends Size {
  readonly left: number;
  readonly top: number;
}

/**
 * Coefficients are fixed-point numbers of 22 bits after the point: 32, less 8 for the pixel, less 2 so that
 * overshooting sums fit (`PRECISION_BITS`, Pillow `Resample.c`).
 */
const PRECISION = 22;
/** One half, so that cutting off the fraction rounds. */
const HALF = 2 ** (PRECISION - 1);

/** Filter kernels and their support at scale 1. */
const kernels: Record<Filter, { readonly support: number; readonly weight: (x: number) => number }> = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weight: (x) => cubic(Math.abs(x)) },
};

/** Keys' cubic convolution with a = -1/2, in Pillow's order of evaluation. */
function cubic(x: number): number {
  const a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/** For each output position: its first source position and its weights (`taps` slots each, zeros after them). */
interface Coefficients {
  readonly taps: number;
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Int32Array;
}

/** Weights along one axis for the outputs `[from, from + length)` of a resize from `source` to `target` samples. */
function coefficients(source: number, target: number, from: number, length: number, filter: Filter): Coefficients {
  const kernel = kernels[filter];
  const scale = source / target;
  // Shrinking widens the kernel by the same factor, for antialiasing.
  const stretch = Math.max(1, scale);
  const support = kernel.support * stretch;
  const inverse = 1 / stretch;
  const taps = Math.min(source, Math.ceil(support) * 2 + 1);
  const first = new Int32Array(length);
  const count = new Int32Array(length);
  const weights = new Int32Array(length * taps);
  const row = new Float64Array(taps);
  for (let out = 0; out < length; out++) {
    const centre = (from + out + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const high = Math.min(source, Math.trunc(centre + support + 0.5));
    let sum = 0;
    for (let tap = 0; tap < high - low; tap++) {
      row[tap] = kernel.weight((tap + low - centre + 0.5) * inverse);
      sum += row[tap]!;
    }
    first[out] = low;
    count[out] = high - low;
    for (let tap = 0; tap < high - low; tap++) {
      const fixed = (sum === 0 ? row[tap]! : row[tap]! / sum) * 2 ** PRECISION;
      weights[out * taps + tap] = Math.trunc(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
    }
  }
  return { taps, first, count, weights };
}

/** Rounded fixed-point sum to an integer; a `Uint8ClampedArray` clamps overshoots. */
function toInteger(fixed: number): number {
  return fixed >> PRECISION;
}

/** The range of source positions that the outputs read. */
function reach({ first, count }: Coefficients): { readonly from: number; readonly length: number } {
  const last = first.length - 1;
  return { from: first[0]!, length: first[last]! + count[last]! - first[0]! };
}

/** The same coefficients for a source without its first `by` positions. */
function shifted(table: Coefficients, by: number): Coefficients {
  return { ...table, first: table.first.map((position) => position - by) };
}

/**
 * Since version 13 Pillow takes the vertical pass first where the height loses more than twice what the width loses
 * (pull request 9549); before, the horizontal one always came first. Rounding between the passes makes a difference of one
 * level in some pixels of tall pictures. An empirical rule, right for every size tested.
 */
function downFirst(from: Size, to: Size): boolean {
  return from.height > to.height && from.height - to.height > 2 * (from.width - to.width);
}

/**
 * The part `window` of the picture resized to `size`, equal to Pillow's `image.resize(size, filter).crop(window)`.
 * Only the window is computed, so a picture of extreme proportions costs no more than its crop.
 */
export function resize(image: DecodedImage, size: Size, filter: Filter, window: Window): DecodedImage {
  const across = coefficients(image.width, size.width, window.left, window.width, filter);
  const down = coefficients(image.height, size.height, window.top, window.height, filter);
  if (downFirst(image, size)) {
    const columns = reach(across);
    const short = resizeDown(image, down, columns.from, columns.length);
    return resizeAcross(short, shifted(across, columns.from), 0, window.height);
  }
  const rows = reach(down);
  const narrow = resizeAcross(image, across, rows.from, rows.length);
  return resizeDown(narrow, shifted(down, rows.from), 0, window.width);
}

/** The horizontal pass over `rows` rows, from row `top` on. */
function resizeAcross(image: DecodedImage, table: Coefficients, top: number, rows: number): DecodedImage {
  const { data } = image;
  const { taps, first, count, weights } = table;
  const width = first.length;
  const out = new Uint8ClampedArray(rows * width * 3);
  for (let y = 0; y < rows; y++) {
    const line = (top + y) * image.width;
    for (let x = 0; x < width; x++) {
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      let from = (line + first[x]!) * 3;
      const end = x * taps + count[x]!;
      for (let at = x * taps; at < end; at++, from += 3) {
        const weight = weights[at]!;
        red = (red + Math.imul(data[from]!, weight)) | 0;
        green = (green + Math.imul(data[from + 1]!, weight)) | 0;
        blue = (blue + Math.imul(data[from + 2]!, weight)) | 0;
      }
      const at = (y * width + x) * 3;
      out[at] = toInteger(red);
      out[at + 1] = toInteger(green);
      out[at + 2] = toInteger(blue);
    }
  }
  return { data: new Uint8Array(out.buffer), width, height: rows };
}

/** The vertical pass over `columns` columns, from column `left` on. */
function resizeDown(image: DecodedImage, table: Coefficients, left: number, columns: number): DecodedImage {
  const { data } = image;
  const { taps, first, count, weights } = table;
  const height = first.length;
  const stride = image.width * 3;
  const line = columns * 3;
  const out = new Uint8ClampedArray(height * line);
  const sums = new Int32Array(line);
  for (let y = 0; y < height; y++) {
    sums.fill(HALF);
    // Whole lines one after the other, in memory order.
    for (let tap = 0; tap < count[y]!; tap++) {
      const start = (first[y]! + tap) * stride + left * 3;
      const weight = weights[y * taps + tap]!;
      for (let x = 0; x < line; x++) sums[x] = (sums[x]! + Math.imul(data[start + x]!, weight)) | 0;
    }
    for (let x = 0; x < line; x++) out[y * line + x] = toInteger(sums[x]!);
  }
  return { data: new Uint8Array(out.buffer), width: columns, height };
}
