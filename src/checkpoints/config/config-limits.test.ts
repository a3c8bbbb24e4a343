import { expect, test } from 'vitest';
import { type ClipConfig, openAiPreprocessing, type ResNetConfig, type VitConfig } from '../../clip/config.ts';
import { checkedConfig } from './config-limits.ts';

const image: VitConfig = { kind: 'vit', width: 64, layers: 2, heads: 1, patch: 14, resolution: 896, hidden: 96 };
const config: ClipConfig = {
  image,
  text: { width: 64, layers: 2, heads: 1, context: 248, vocabulary: 50, hidden: 96 },
  embedding: 24,
  activation: 'gelu',
  preprocessing: openAiPreprocessing,
};
const resnet: ResNetConfig = { kind: 'resnet', width: 8, layers: [1, 1, 1, 1], heads: 4, resolution: 448 };

test('pictures, patches and texts larger than any known are taken', () => {
  expect(checkedConfig('c.json', config)).toBe(config);
  const other = { ...config, image: resnet };
  expect(checkedConfig('c.json', other)).toBe(other);
});

test.each<[what: string, config: ClipConfig, message: string]>([
  [
    'a resolution',
    { ...config, image: { ...image, patch: 100, resolution: 20_000 } },
    'c.json: image tower: found pictures of 20000 x 20000 pixels, expected at most 1024 pixels a side',
  ],
  [
    'a resolution of a ResNet',
    { ...config, image: { ...resnet, resolution: 2048 } },
    'c.json: image tower: found pictures of 2048 x 2048 pixels, expected at most 1024 pixels a side',
  ],
  [
    'a number of patches',
    { ...config, image: { ...image, patch: 1, resolution: 256 } },
    'c.json: image tower: found 256 x 256 patches, expected at most 64 a side',
  ],
  [
    'a sequence',
    { ...config, text: { ...config.text, context: 100_000 } },
    'c.json: text tower: found texts of 100000 tokens, expected at most 2048',
  ],
])('%s that would fill the memory is refused, and named', (_, wrong, message) => {
  expect(() => checkedConfig('c.json', wrong)).toThrow(message);
});
