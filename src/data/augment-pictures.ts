/** @file Augmentation of whole pictures: crop, mirror, colour, blur, noise, erasing. For cut-outs: `emoji/augment.ts`. */
import type { Pictures } from '../clip/pictures/pictures.ts';
import type { Random } from '../tensor/random.ts';
import { addNoise, blur, type Planes, shiftColours, writeBytes } from './planes.ts';

/** Mid-grey for erased parts, near the mean colour that erasing after normalisation gives. */
const erased = 128;

/** A number is drawn uniformly from this range. */
type Range = readonly [number, number];

/** Strengths, and shares of pictures (0 to 1) to which something happens. */
export interface PictureAugmentation {
  /** Share of the picture's area that a crop keeps; the crop is stretched to the whole picture. */
  readonly crop: Range;
  readonly mirror: number;
  /** How far colours shift at most (drawn for every picture): 0 leaves them, 1 is strong. */
  readonly colour: number;
  readonly grey: number;
  readonly blur: number;
  /** Gaussian noise; its deviation in units of 255. */
  readonly noise: { readonly share: number; readonly deviation: Range };
  /** A grey rectangle; its area as a share of the picture's. */
  readonly erase: { readonly share: number; readonly area: Range };
}

/** No augmentation, for recipes that enable single parts. */
export const leftAsTheyAre: PictureAugmentation = {
  crop: [1, 1],
  mirror: 0,
  colour: 0,
  grey: 0,
  blur: 0,
  noise: { share: 0, deviation: [0, 0] },
  erase: { share: 0, area: [0, 0] },
};

/** Augmented copies, one for every picture, in order. */
export function augmentPictures(pictures: Pictures, random: Random, options: PictureAugmentation): Pictures {
  const [count = 0, , size = 0] = pictures.shape;
  const length = 3 * size * size;
  const data = new Uint8Array(pictures.data.length);
  for (let i = 0; i < count; i++) {
    const planes = cropped(pictures.data.subarray(i * length, (i + 1) * length), size, options, random);
    disturb(planes, size, options, random);
    writeBytes(planes, data, i * length);
  }
  return { dtype: 'uint8', shape: pictures.shape, data };
}

const drawn = ([low, high]: Range, random: Random) => low + (high - low) * random.uniform();

/** Largest ratio of the sides of a crop or an erased rectangle: 4 to 3, as in torchvision's RandomResizedCrop. */
const longest = 4 / 3;

/** Sides of a rectangle of this area (a share of the picture's), at most those of the picture. */
function sides(area: number, size: number, random: Random): { height: number; width: number } {
  const stretch = Math.sqrt(drawn([1 / longest, longest], random));
  const side = Math.sqrt(area) * size;
  return { height: Math.min(size, side * stretch), width: Math.min(size, side / stretch) };
}

/** A random part of the picture, scaled to its full size, mirrored or not. Bilinear; edge pixels are repeated outwards. */
function cropped(bytes: Uint8Array, size: number, { crop, mirror }: PictureAugmentation, random: Random): Planes {
  const whole = crop[0] === 1 && crop[1] === 1;
  const { height, width } = whole ? { height: size, width: size } : sides(drawn(crop, random), size, random);
  const top = whole ? 0 : (size - height) * random.uniform();
  const left = whole ? 0 : (size - width) * random.uniform();
  const mirrored = random.uniform() < mirror;
  const rows = samples(size, top, height);
  const columns = samples(size, left, width);
  if (mirrored) columns.reverse();
  const planes: Planes = new Float32Array(3 * size * size);
  for (let c = 0; c < 3; c++) {
    const plane = bytes.subarray(c * size * size, (c + 1) * size * size);
    rows.forEach((row, y) => {
      columns.forEach((column, x) => {
        const above = mix(plane[row.from * size + column.from]!, plane[row.from * size + column.to]!, column.share);
        const below = mix(plane[row.to * size + column.from]!, plane[row.to * size + column.to]!, column.share);
        planes[(c * size + y) * size + x] = mix(above, below, row.share);
      });
    });
  }
  return planes;
}

const mix = (a: number, b: number, share: number) => a + (b - a) * share;

/** For each position of the result along one axis: its two neighbours in the picture, and the share of the second. */
function samples(size: number, start: number, extent: number): { from: number; to: number; share: number }[] {
  return Array.from({ length: size }, (_, place) => {
    const at = Math.min(size - 1, Math.max(0, start + ((place + 0.5) * extent) / size - 0.5));
    const from = Math.floor(at);
    return { from, to: Math.min(size - 1, from + 1), share: at - from };
  });
}

function disturb(planes: Planes, size: number, options: PictureAugmentation, random: Random): void {
  const happens = (share: number) => random.uniform() < share;
  if (options.colour > 0 || options.grey > 0) {
    shiftColours(planes, options.colour * random.uniform(), random, happens(options.grey) ? 0 : undefined);
  }
  if (happens(options.blur)) blur(planes, size, drawn([0.4, 1.2], random));
  if (happens(options.noise.share)) addNoise(planes, drawn(options.noise.deviation, random), random);
  if (happens(options.erase.share)) erase(planes, size, drawn(options.erase.area, random), random);
}

function erase(planes: Planes, size: number, area: number, random: Random): void {
  const exact = sides(area, size, random);
  const [height, width] = [Math.max(1, Math.round(exact.height)), Math.max(1, Math.round(exact.width))];
  const top = random.integer(size - height + 1);
  const left = random.integer(size - width + 1);
  for (let c = 0; c < 3; c++) {
    for (let y = top; y < top + height; y++) {
      const row = (c * size + y) * size;
      planes.fill(erased, row + left, row + left + width);
    }
  }
}
