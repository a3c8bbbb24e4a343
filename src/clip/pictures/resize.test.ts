import { expect, test } from 'vitest';
import { expected, stored } from '../../../test/fixtures/preprocess/read.ts';
import { resize } from './resize.ts';

test.each(expected.resize.map((each) => ({ ...each, name: `${each.source.shape} to ${each.result.shape}` })))(
  '$filter resizing equals Pillow byte for byte: $name',
  ({ filter, source, result }) => {
    const wanted = stored(result);
    const got = resize(stored(source), wanted, filter, { left: 0, top: 0, width: wanted.width, height: wanted.height });
    expect(got.data).toEqual(wanted.data);
  },
);

test('a window of the result equals the same part of the whole result', () => {
  const { source } = expected.resize[0]!;
  const size = { width: 51, height: 39 };
  const whole = resize(stored(source), size, 'bicubic', { left: 0, top: 0, ...size });
  const window = { left: 13, top: 7, width: 20, height: 11 };
  const part = resize(stored(source), size, 'bicubic', window);
  for (let y = 0; y < window.height; y++) {
    const from = ((y + window.top) * size.width + window.left) * 3;
    expect(part.data.subarray(y * 60, (y + 1) * 60)).toEqual(whole.data.subarray(from, from + 60));
  }
});
