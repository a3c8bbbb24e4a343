import { expect, test } from 'vitest';
import { expected, stored } from '../../test/fixtures/preprocess/read.ts';
import { preprocess } from './preprocess.ts';
import type { DecodedImage } from './resize.ts';

function channelsLast(planes: Uint8Array, size: number): Uint8Array {
  return Uint8Array.from({ length: planes.length }, (_, i) => planes[(i % 3) * size * size + Math.floor(i / 3)]!);
}

test.each(expected.preprocess.map((each) => ({ ...each, from: each.source.shape.join('x') })))(
  '$resize resize and centre crop ($interpolation) equal torchvision on Pillow byte for byte: $from to $size',
  ({ resize, interpolation, size, source, result }) => {
    const config = { image: { resolution: size }, preprocessing: { resize, interpolation } };
    const planes = preprocess(stored(source), config);
    expect(channelsLast(planes, size)).toEqual(stored(result).data);
  },
);

test('a picture of extreme proportions costs no more than its crop', () => {
  const line: DecodedImage = { data: new Uint8Array(3 * 16_384).fill(9), width: 16_384, height: 1 };
  const config = {
    image: { resolution: 224 },
    preprocessing: { resize: 'shortest', interpolation: 'bicubic' },
  } as const;
  expect(preprocess(line, config)).toEqual(new Uint8Array(3 * 224 * 224).fill(9));
});
