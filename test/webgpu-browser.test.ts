/** @file What the method computes on WebGPU, beside the numbers of the processor. A whole purification is a slow test. */
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { openClip } from '../src/checkpoints/open.ts';
import { imageTower } from '../src/clip/image-tower.ts';
import { storedParameters } from '../src/clip/parameters.ts';
import { zeroShotHead } from '../src/clip/zero-shot.ts';
import { plainPrompt } from '../src/data/classes.ts';
import { runRounds } from '../src/defenses/cbpt/inversion/race/race-rounds.ts';
import { starts } from '../src/defenses/cbpt/inversion/race/teams.ts';
import { cbptDefaults } from '../src/defenses/cbpt/purify.ts';
import { colouredShots, keeping } from '../src/defenses/tiny-clip.test-support.ts';
import { type Engine, withProgram } from '../src/engine/engine.ts';
import { l2Normalize } from '../src/graph/composites.ts';
import { cast, mul } from '../src/graph/elementwise.ts';
import { gradients } from '../src/graph/gradients.ts';
import { constant, input } from '../src/graph/leaves.ts';
import { sum } from '../src/graph/reduction.ts';
import { randomFor } from '../src/tensor/random.ts';
import { elements, float32, type Shape, type Tensor } from '../src/tensor/tensor.ts';
import { hasChromium } from './chromium.ts';
import { openedWebgpuPage, patience, relativeError, tolerance } from './webgpu-page.ts';

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/clip/${name}`, import.meta.url));

/** A graph of which a node would fall back to the processor is refused. */
const strict = { extra: { session: { disable_cpu_ep_fallback: '1' } } };

describe.skipIf(!hasChromium)('in Chromium (skipped where it is not installed: apt-get install chromium)', () => {
  const opened = openedWebgpuPage();

  test.for(['open-clip-vit-gelu', 'open-clip-resnet-gelu'])(
    '%s: embeddings of pictures, and the gradient of a loss by every pixel, all of it on WebGPU',
    { timeout: patience },
    async (name, context) => {
      const { config, parameters } = await openClip(fixture(name));
      const shape = [2, 3, config.image.resolution, config.image.resolution];
      const pixels = input('pixels', shape);
      const embeddings = l2Normalize(imageTower(config, storedParameters(parameters), pixels));
      const loss = sum(mul(embeddings, constant(noise('weights', [2, config.embedding]))), [0, 1]);
      const graph = { outputs: { embeddings, loss, gradient: gradients(loss, [pixels])[0]! } };
      const feeds = { pixels: noise('pixels', shape) };
      const found = await withProgram(await opened.webgpu(context, strict), graph, (program) => program.run(feeds));
      const expected = await withProgram(opened.processor, graph, (program) => program.run(feeds));
      for (const key of ['embeddings', 'loss', 'gradient'])
        expect(relativeError(expected[key]!, found[key]!), key).toBeLessThan(tolerance.graph);
    },
  );

  test('an operation that WebGPU lacks would be noticed: wide integers are made floats on the processor', async (context) => {
    const engine = await opened.webgpu(context, strict);
    const graph = { outputs: { numbers: cast(input('counts', [4], 'int64'), 'float32') } };
    await expect(engine.compile(graph)).rejects.toThrow(/fallback to CPU EP has been explicitly disabled/);
  });

  test(
    'patches run the same race: what their classes cost, and what becomes of the patches',
    async (context) => {
      const clip = await openClip(fixture('hugging-face-quick-gelu'));
      const shots = colouredShots();
      const head = await zeroShotHead(opened.processor, clip, shots.classes, [plainPrompt]);
      const round = { runners: 2 * starts, steps: 2, together: 2 * starts, pictures: 2 };
      const run = async (engine: Engine) => {
        const { recorder } = keeping();
        const pace = cbptDefaults.inversion;
        const of = { engine, clip, head, shots, seed: 1, recorder };
        const race = { ...of, stage: 'race', window: 0.25, rate: 0.1, toEdges: true, pace };
        const arrived = await runRounds(race, [round], [[0], [1]]);
        const side = arrived[0]!.state.mask!.shape.at(-1)!;
        return {
          order: float32(
            arrived.map(({ nearest }) => nearest + 1),
            [arrived.length],
          ),
          costs: float32(
            arrived.map(({ cost }) => cost),
            [arrived.length],
          ),
          masks: float32(Float32Array.from(arrived.flatMap(({ state }) => [...state.mask!.data])), [
            arrived.length,
            side,
            side,
          ]),
        };
      };
      const found = await run(await opened.webgpu(context));
      const expected = await run(opened.processor);
      for (const key of ['order', 'costs', 'masks'] as const)
        expect(relativeError(expected[key], found[key]), key).toBeLessThan(tolerance.steps);
    },
    patience,
  );
});

function noise(name: string, shape: Shape): Tensor<'float32'> {
  const random = randomFor(1, name);
  return float32(
    Float32Array.from({ length: elements(shape) }, () => random.uniform()),
    shape,
  );
}
