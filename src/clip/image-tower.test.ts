import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openClip } from '../checkpoints/open.ts';
import { input } from '../graph/leaves.ts';
import { stagedImageTower } from './image-tower.ts';
import { storedParameters } from './parameters.ts';

test.each(['open-clip-vit-gelu', 'open-clip-resnet-gelu'])(
  'the stages of %s are channels by positions, and the last one of a ViT is only the class token',
  async (fixture) => {
    const path = fileURLToPath(new URL(`../../test/fixtures/clip/${fixture}`, import.meta.url));
    const { config, parameters } = await openClip(path);
    const { resolution, kind, width } = config.image;
    const pixels = input('pixels', [2, 3, resolution, resolution]);
    const { stages, embeddings } = stagedImageTower(config, storedParameters(parameters), pixels);
    expect(embeddings.shape).toEqual([2, config.embedding]);
    const channels = stages.map(({ shape: [, count] }) => count);
    if (kind === 'vit') {
      expect(new Set(channels)).toEqual(new Set([width]));
      expect(stages.at(-1)!.shape).toEqual([2, width, 1]);
    } else {
      expect(channels).toEqual([4, 8, 16, 32].map((factor) => factor * width));
    }
    for (const { shape } of stages) expect(shape).toHaveLength(3);
  },
);
