/** @file A picture in working precision, and what may happen to it: colour, blur, noise, blends, stripes, patches. */
import { toByte } from '../clip/pictures/pictures.ts';
import type { Random } from '../tensor/random.ts';

/** Three channels in working precision, values 0 to 255, channels first: [3, size, size]. */
export type Planes = Float32Array;

const between = (random: Random, low: number, high: number) => low + (high - low) * random.uniform();

/**
 * Xorshift (Marsaglia 2003) for pixel noise, ten times as fast as the stream that seeds it. Gives 32 random bits.
 */
function fastBits(random: Random): () => number {
  let state = (1 + random.integer(0xffffffff)) | 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Sum of four uniform bytes, centred and scaled to variance 1: near enough to a normal number for noise. */
function nearNormal(bits: number): number {
  const sum = (bits & 255) + ((bits >>> 8) & 255) + ((bits >>> 16) & 255) + (bits >>> 24);
  return (sum - 510) / 147.8;
}

/** Luma weights of ITU-R BT.601. */
const luma = [0.299, 0.587, 0.114] as const;

/**
 * Saturation, brightness, contrast about mid-grey, a tint, and a turn of the hue, all in one matrix.
 *
 * @param strength 0 leaves the colours, 1 is strong
 * @param saturation fixes it (0 is grey) or, if left out, draws it
 */
export function shiftColours(planes: Planes, strength: number, random: Random, saturation?: number): void {
  const saturate = saturation ?? between(random, 1 - strength, 1 + 0.4 * strength);
  const gain = between(random, 1 - 0.3 * strength, 1 + 0.2 * strength) * between(random, 1 - 0.3 * strength, 1);
  const lift = (1 - gain) * 127.5 * random.uniform();
  const turn = between(random, -0.35, 0.35) * strength;
  const cosine = Math.cos(turn);
  const sine = Math.sin(turn) / Math.sqrt(3);
  const tint = [0, 1, 2].map(() => lift + between(random, -25, 25) * strength);
  // Hue: rotation about the grey axis (Rodrigues). Its rows sum to 1, so greys stay grey.
  const hue = (row: number, column: number) => {
    const shared = (1 - cosine) / 3;
    if (row === column) return cosine + shared;
    return shared + ((row + 1) % 3 === column ? -sine : sine);
  };
  const matrix = [0, 1, 2].map((row) =>
    [0, 1, 2].map((column) => gain * (saturate * hue(row, column) + (1 - saturate) * luma[column]!)),
  );
  const [[a, b, c], [d, e, f], [g, h, i]] = matrix as [Row, Row, Row];
  const [s, t, u] = tint as [number, number, number];
  const plane = planes.length / 3;
  for (let at = 0; at < plane; at++) {
    const red = planes[at]!;
    const green = planes[at + plane]!;
    const blue = planes[at + 2 * plane]!;
    planes[at] = a * red + b * green + c * blue + s;
    planes[at + plane] = d * red + e * green + f * blue + t;
    planes[at + 2 * plane] = g * red + h * green + i * blue + u;
  }
}

type Row = [number, number, number];

/** Gaussian blur with five taps, separable; the edge pixel continues outwards. `sigma` in pixels, up to about 1.2. */
export function blur(planes: Planes, size: number, sigma: number): void {
  const near = Math.exp(-1 / (2 * sigma * sigma));
  const far = near ** 4;
  const total = 1 + 2 * near + 2 * far;
  const [w0, w1, w2] = [1 / total, near / total, far / total];
  const line = new Float32Array(size + 4);
  const pass = (offset: number, stride: number) => {
    for (let i = 0; i < size; i++) line[i + 2] = planes[offset + i * stride]!;
    line[0] = line[1] = line[2]!;
    line[size + 2] = line[size + 3] = line[size + 1]!;
    for (let i = 0; i < size; i++)
      planes[offset + i * stride] =
        w0 * line[i + 2]! + w1 * (line[i + 1]! + line[i + 3]!) + w2 * (line[i]! + line[i + 4]!);
  };
  for (let row = 0; row < 3 * size; row++) pass(row * size, 1);
  for (let channel = 0; channel < 3; channel++)
    for (let column = 0; column < size; column++) pass(channel * size * size + column, size);
}

/** Independent noise on every value; `deviation` in units of 255. */
export function addNoise(planes: Planes, deviation: number, random: Random): void {
  const bits = fastBits(random);
  for (let i = 0; i < planes.length; i++) planes[i]! += deviation * nearNormal(bits());
}

/** `(1 - share) x + share other`, with uniform noise, one colour, or another picture. */
export function blend(planes: Planes, share: number, other: Planes | 'noise' | 'colour', random: Random): void {
  const keep = 1 - share;
  if (other === 'noise') {
    const bits = fastBits(random);
    for (let i = 0; i < planes.length; i++) planes[i] = keep * planes[i]! + share * (bits() & 255);
  } else if (other === 'colour') {
    const plane = planes.length / 3;
    for (let c = 0; c < 3; c++) {
      const colour = share * 255 * random.uniform();
      for (let i = c * plane; i < (c + 1) * plane; i++) planes[i] = keep * planes[i]! + colour;
    }
  } else {
    for (let i = 0; i < planes.length; i++) planes[i] = keep * planes[i]! + share * other[i]!;
  }
}

/** Adds a sine of 2 to 10 periods across the picture, in any direction, the same on all channels. */
export function addStripes(planes: Planes, size: number, amplitude: number, random: Random): void {
  const angle = random.uniform() < 0.5 ? 0 : Math.PI * random.uniform();
  const step = (2 * Math.PI * between(random, 2, 10)) / size;
  const phase = 2 * Math.PI * random.uniform();
  const along = Math.cos(angle) * step;
  const across = Math.sin(angle) * step;
  // sin(a + b) from the sines and cosines of rows and columns: two multiplications a pixel instead of a sine.
  const columns = Array.from(
    { length: size },
    (_, x) => [Math.sin(x * along + phase), Math.cos(x * along + phase)] as const,
  );
  const plane = size * size;
  for (let y = 0; y < size; y++) {
    const sine = amplitude * Math.sin(y * across);
    const cosine = amplitude * Math.cos(y * across);
    for (let x = 0; x < size; x++) {
      const [s, c] = columns[x]!;
      const value = s * cosine + c * sine;
      const at = y * size + x;
      planes[at]! += value;
      planes[at + plane]! += value;
      planes[at + 2 * plane]! += value;
    }
  }
}

/**
 * Covers a rectangle of noise or colour, sides up to `largest` of the picture's side: what is left must be enough.
 * Fillings: uniform noise, noise as wide as the pixel range around mid-grey, one colour, black-and-white squares.
 */
export function coverPatch(planes: Planes, size: number, largest: number, random: Random): void {
  const side = () => Math.max(2, Math.round(size * largest * between(random, 0.35, 1)));
  const height = side();
  const width = random.uniform() < 0.6 ? height : side();
  const top = random.integer(size - height + 1);
  const left = random.integer(size - width + 1);
  const filling = random.integer(4);
  const square = 1 + random.integer(3);
  const bits = fastBits(random);
  for (let c = 0; c < 3; c++) {
    const colour = 255 * random.uniform();
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const at = c * size * size + (top + y) * size + left + x;
        if (filling === 0) planes[at] = bits() & 255;
        else if (filling === 1) planes[at] = 128 + 255 * nearNormal(bits());
        else if (filling === 2) planes[at] = colour;
        else planes[at] = (Math.floor(y / square) + Math.floor(x / square)) & 1 ? 255 : 0;
      }
  }
}

/** Writes the planes as bytes, from `offset` on. */
export function writeBytes(planes: Planes, bytes: Uint8Array, offset: number): void {
  for (let i = 0; i < planes.length; i++) bytes[offset + i] = toByte(planes[i]!);
}
