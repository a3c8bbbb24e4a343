import { expect, test } from 'vitest';
import { loadParameters } from '../clip/load.ts';
import { openedTinyClip } from '../defenses/tiny-clip.test-support.ts';
import { add, mul } from '../graph/elementwise.ts';
import { mean } from '../graph/reduction.ts';
import { unrecorded } from '../runs/recorder.ts';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { float32, int64 } from '../tensor/tensor.ts';
import { trainClip } from './train-clip.ts';

const opened = openedTinyClip(temporaryFolder(), 300_000);
const rate = 0.1;
const bound = Math.log(100);

/** The stored logit scale after steps of `rate` each, all up or all down. */
async function logScaleAfter(start: number, steps: number, direction: 1 | -1): Promise<number> {
  const { engine, clip } = opened;
  const { resolution } = clip.config.image;
  const shape = [2, 3, resolution, resolution];
  const data = Uint8Array.from({ length: 2 * 3 * resolution ** 2 }, (_, i) => (7 * i) % 256);
  const { start: begin, end } = clip.tokenizer;
  const feeds = {
    pictures: { dtype: 'uint8' as const, shape, data },
    ids: int64([begin, 320, end, begin, 786, end], [2, 3]),
    ends: int64([2, 2], [2]),
  };
  const parameters = await loadParameters(clip.parameters);
  const trained = await trainClip(
    engine,
    {
      stage: 'train',
      config: clip.config,
      start: { ...parameters, logit_scale: float32([start], parameters.logit_scale!.shape) },
      rows: { pictures: 2, texts: 2, length: 3 },
      loss: ({ images, texts, scale }) => ({ loss: add(mean(mul(images, texts)), mul(scale, -direction)) }),
      feeds: () => feeds,
      steps,
      rate: () => rate,
      adam: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
      weightDecay: 0,
      saveEvery: 100,
    },
    unrecorded(),
  );
  return trained.logit_scale!.data[0]!;
}

test('the stored logit scale stays within its bound, and can move away from the bound again', async () => {
  expect(await logScaleAfter(bound - 0.5 * rate, 3, 1)).toBe(Math.fround(bound));
  expect(await logScaleAfter(Math.fround(bound), 1, -1)).toBeCloseTo(bound - rate, 4);
  expect(await logScaleAfter(2, 1, 1)).toBeCloseTo(2 + rate, 4);
});
