import { expect, test } from 'vitest';
import transformers from '../../../test/fixtures/preprocess/centre.json' with { type: 'json' };
import { expected, stored } from '../../../test/fixtures/preprocess/read.ts';
import { preprocess } from './preprocess.ts';
import type { DecodedImage } from './resize.ts';

const { side, 'first column by width': firstColumns } = transformers;

function channelsLast(planes: Uint8Array, size: number): Uint8Array {
  return Uint8Array.from({ length: planes.length }, (_, i) => planes[(i % 3) * size * size + Math.floor(i / 3)]!);
}

test.each(expected.preprocess.map((each) => ({ ...each, from: each.source.shape.join('x') })))(
  '$resize resize and centre crop ($interpolation) equal torchvision on Pillow byte for byte: $from to $size',
  ({ resize, interpolation, size, source, result }) => {
    const config = {
      image: { resolution: size },
      preprocessing: { resize, interpolation, centre: 'torchvision' as const },
    };
    const planes = preprocess(stored(source), config);
    expect(channelsLast(planes, size)).toEqual(stored(result).data);
  },
);

test('pictures are cropped where transformers crops them, for every parity of the margin', () => {
  const config = {
    image: { resolution: side },
    preprocessing: { resize: 'shortest', interpolation: 'bicubic', centre: 'transformers' },
  } as const;
  for (const [text, first] of Object.entries(firstColumns)) {
    const width = Number(text);
    // Columns are numbered; turned on its side, so are rows.
    const lying = {
      data: Uint8Array.from({ length: 3 * side * width }, (_, i) => Math.floor(i / 3) % width),
      width,
      height: side,
    };
    const standing = {
      data: Uint8Array.from({ length: 3 * side * width }, (_, i) => Math.floor(i / (3 * side))),
      width: side,
      height: width,
    };
    expect(preprocess(lying, config)[0], `width ${width}`).toBe(first);
    expect(preprocess(standing, config)[0], `height ${width}`).toBe(first);
  }
});

test('a picture of extreme proportions costs no more than its crop', () => {
  const line: DecodedImage = { data: new Uint8Array(3 * 16_384).fill(9), width: 16_384, height: 1 };
  const config = {
    image: { resolution: 224 },
    preprocessing: { resize: 'shortest', interpolation: 'bicubic', centre: 'torchvision' },
  } as const;
  expect(preprocess(line, config)).toEqual(new Uint8Array(3 * 224 * 224).fill(9));
});
