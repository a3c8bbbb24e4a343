/** @file Blended (Chen et al., arXiv 1712.05526): the whole picture blended with fresh noise, fixed noise or a drawing. */
import { randomFor } from '../tensor/random.ts';
import { float32 } from '../tensor/tensor.ts';
import type { MaskPatternTrigger, NoiseBlendTrigger } from './trigger.ts';

/** Uniform noise that is drawn afresh for every picture, as in the code used in the CLIP literature. */
export function blendedFresh(share: number): NoiseBlendTrigger {
  return { kind: 'noise-blend', share };
}

/** One noise for all pictures, uniform on whole bytes: the random pattern of the paper. */
export function blendedFixed(size: number, seed: number, share: number): MaskPatternTrigger {
  const random = randomFor(seed, 'trigger', 'blended-fixed');
  return overlay(
    size,
    share,
    Float32Array.from({ length: 3 * size * size }, () => random.integer(256) / 255),
  );
}

/** A drawing of a cat's head for all pictures, in place of the literature's cartoon cat. */
export function blendedPicture(size: number, share: number): MaskPatternTrigger {
  return overlay(size, share, catPicture(size));
}

function overlay(size: number, share: number, pattern: Float32Array): MaskPatternTrigger {
  return {
    kind: 'mask-pattern',
    mask: float32(new Float32Array(size * size).fill(share), [1, size, size]),
    pattern: float32(pattern, [3, size, size]),
    placement: { top: 0, left: 0 },
  };
}

type Colour = readonly [red: number, green: number, blue: number];

/** A shape of the drawing, in units of the side from the upper left corner; later ones are drawn on top. */
type Shape =
  | { readonly kind: 'ellipse'; readonly x: number; readonly y: number; readonly rx: number; readonly ry: number }
  | { readonly kind: 'triangle'; readonly corners: readonly (readonly [x: number, y: number])[] };

const background: Colour = [233, 90, 134];

const cat: readonly (readonly [Colour, Shape])[] = [
  [
    [250, 250, 245],
    {
      kind: 'triangle',
      corners: [
        [0.14, 0.12],
        [0.16, 0.52],
        [0.46, 0.28],
      ],
    },
  ],
  [
    [250, 250, 245],
    {
      kind: 'triangle',
      corners: [
        [0.86, 0.12],
        [0.84, 0.52],
        [0.54, 0.28],
      ],
    },
  ],
  [[250, 250, 245], { kind: 'ellipse', x: 0.5, y: 0.58, rx: 0.4, ry: 0.33 }],
  [[35, 30, 40], { kind: 'ellipse', x: 0.34, y: 0.57, rx: 0.04, ry: 0.07 }],
  [[35, 30, 40], { kind: 'ellipse', x: 0.66, y: 0.57, rx: 0.04, ry: 0.07 }],
  [[240, 190, 40], { kind: 'ellipse', x: 0.5, y: 0.68, rx: 0.06, ry: 0.04 }],
  [
    [200, 30, 40],
    {
      kind: 'triangle',
      corners: [
        [0.56, 0.24],
        [0.56, 0.42],
        [0.7, 0.33],
      ],
    },
  ],
  [
    [200, 30, 40],
    {
      kind: 'triangle',
      corners: [
        [0.88, 0.24],
        [0.88, 0.42],
        [0.72, 0.33],
      ],
    },
  ],
];

/** Sample points along a side of a pixel, for smooth edges. */
const samples = 4;

/** The drawing at any size, on whole bytes: [3, size, size] in [0, 1]. */
function catPicture(size: number): Float32Array {
  const picture = new Float32Array(3 * size * size);
  for (let row = 0; row < size; row++)
    for (let column = 0; column < size; column++) {
      const sum = [0, 0, 0];
      for (let i = 0; i < samples * samples; i++) {
        const x = (column + ((i % samples) + 0.5) / samples) / size;
        const y = (row + (Math.floor(i / samples) + 0.5) / samples) / size;
        const colour = cat.findLast(([, shape]) => covers(shape, x, y))?.[0] ?? background;
        for (let c = 0; c < 3; c++) sum[c]! += colour[c]!;
      }
      for (let c = 0; c < 3; c++)
        picture[(c * size + row) * size + column] = Math.round(sum[c]! / (samples * samples)) / 255;
    }
  return picture;
}

function covers(shape: Shape, x: number, y: number): boolean {
  if (shape.kind === 'ellipse') return ((x - shape.x) / shape.rx) ** 2 + ((y - shape.y) / shape.ry) ** 2 <= 1;
  // A point inside is on the same side of all three edges.
  const sides = shape.corners.map(([x1, y1], i) => {
    const [x2, y2] = shape.corners[(i + 1) % shape.corners.length]!;
    return (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1) >= 0;
  });
  return sides.every((side) => side === sides[0]);
}
