/** @file A whole purification on WebGPU: SwiftShader compiles for a minute what it then computes in seconds. */
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { openClip } from '../../src/checkpoints/open.ts';
import { beliefInAll } from '../../src/defenses/cbpt/inversion/dummy-triggers.ts';
import { type CbptOptions, cbptDefaults, purify } from '../../src/defenses/cbpt/purify.ts';
import { colouredShots, keeping } from '../../src/defenses/tiny-clip.test-support.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { float32 } from '../../src/tensor/tensor.ts';
import { hasChromium } from '../chromium.ts';
import { openedWebgpuPage, patience, relativeError, tolerance } from '../webgpu-page.ts';

const folder = fileURLToPath(new URL('../fixtures/clip/hugging-face-quick-gelu', import.meta.url));

describe.skipIf(!hasChromium)('in Chromium (skipped where it is not installed: apt-get install chromium)', () => {
  const opened = openedWebgpuPage();

  test(
    'purify takes the same course as on the processor: every loss, the dummy trigger, the prompts and the head',
    async (context) => {
      const clip = await openClip(folder);
      const options: CbptOptions = {
        ...cbptDefaults,
        inversion: { ...cbptDefaults.inversion, steps: 2, batch: 8 },
        tuning: { ...cbptDefaults.tuning, steps: 2 },
        // Every batch of another size has its shaders compiled anew.
        views: 1,
        forms: ['sparse'],
        belief: beliefInAll,
      };
      const course = async (engine: Engine) => {
        const { recorder, events } = keeping();
        const { head, prompts, used } = await purify(engine, clip, colouredShots(), options, recorder);
        const [dummy] = used;
        if (dummy?.trigger.kind !== 'mask-pattern') throw new Error('what is sparse is a mask and a pattern');
        const { mask, pattern } = dummy.trigger;
        const losses = events.flatMap(({ loss }) => (typeof loss === 'number' ? [loss] : []));
        return {
          losses: float32(losses, [losses.length]),
          mask,
          pattern,
          contexts: prompts.contexts,
          head: float32(head.embeddings, [head.classes.length, head.embedding]),
        };
      };
      const found = await course(await opened.webgpu(context));
      const expected = await course(opened.processor);
      expect(expected.losses.shape).toEqual([4]);
      for (const key of ['losses', 'mask', 'pattern', 'contexts', 'head'] as const)
        expect(relativeError(expected[key], found[key]), key).toBeLessThan(tolerance.steps);
    },
    patience,
  );
});
