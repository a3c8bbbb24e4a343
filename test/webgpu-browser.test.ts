/**
 * @file The method on WebGPU: onnxruntime-web in Chromium, whose adapter here is SwiftShader, which computes on the
 * processor. Numbers are compared with those of the engine's `cpu`.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { openClip } from '../src/checkpoints/open.ts';
import { imageTower } from '../src/clip/image-tower.ts';
import { storedParameters } from '../src/clip/parameters.ts';
import { zeroShotHead } from '../src/clip/zero-shot.ts';
import { plainPrompt } from '../src/data/classes.ts';
import { beliefInAll } from '../src/defenses/cbpt/inversion/dummy-triggers.ts';
import { runRounds } from '../src/defenses/cbpt/inversion/race-rounds.ts';
import { starts } from '../src/defenses/cbpt/inversion/teams.ts';
import { type CbptOptions, cbptDefaults, purify } from '../src/defenses/cbpt/purify.ts';
import { colouredShots, keeping } from '../src/defenses/tiny-clip.test-support.ts';
import type { Engine } from '../src/engine/engine.ts';
import { openEngine } from '../src/engine/ort-engine.ts';
import { withProgram } from '../src/engine/with-program.ts';
import { l2Normalize } from '../src/graph/composites.ts';
import { cast, mul } from '../src/graph/elementwise.ts';
import { gradients } from '../src/graph/gradients.ts';
import { constant, input } from '../src/graph/leaves.ts';
import { sum } from '../src/graph/reduction.ts';
import { randomFor } from '../src/tensor/random.ts';
import { elements, float32, type Shape, type Tensor } from '../src/tensor/tensor.ts';
import { hasChromium, openChromium } from './chromium.ts';
import { openPageEngine, runtimeFolder } from './page-engine.ts';
import { type PageServer, servePages } from './page-server.ts';

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/clip/${name}`, import.meta.url));

/** Largest difference from the processor, as a share of the largest number. Measured: 1e-6, and 7e-5 of what Adam moved. */
const tolerance = { graph: 1e-5, steps: 1e-3 };

/** SwiftShader compiles every shader for the processor: seconds on a free machine, minutes on a busy one. */
const patience = 600_000;

/** A graph of which a node would fall back to the processor is refused. */
const strict = { extra: { session: { disable_cpu_ep_fallback: '1' } } };

describe.skipIf(!hasChromium)('in Chromium (skipped where it is not installed: apt-get install chromium)', () => {
  let folder: string;
  let processor: Engine;
  let server: PageServer;
  let browser: BrowserContext;
  let page: Page;
  let adapter: boolean;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'antidote-webgpu-'));
    await mkdir(join(folder, 'programs'));
    processor = await openEngine({ device: 'cpu', threads: 1 });
    server = await servePages({ programs: join(folder, 'programs'), runtime: runtimeFolder });
    browser = await openChromium(join(folder, 'profile'), 'webgpu');
    page = await browser.newPage();
    await page.goto(server.address);
    const asked = `Promise.resolve(navigator.gpu?.requestAdapter()).then((adapter) => Boolean(adapter))`;
    adapter = (await page.evaluate(asked)) as boolean;
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    server?.close();
    await processor?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const webgpu = (context: TestContext, session?: object) => {
    if (!adapter) context.skip('this Chromium has no WebGPU adapter, not even SwiftShader');
    return openPageEngine(page, join(folder, 'programs'), session);
  };

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
      const found = await withProgram(await webgpu(context, strict), graph, (program) => program.run(feeds));
      const expected = await withProgram(processor, graph, (program) => program.run(feeds));
      for (const key of ['embeddings', 'loss', 'gradient'])
        expect(relativeError(expected[key]!, found[key]!), key).toBeLessThan(tolerance.graph);
    },
  );

  test('an operation that WebGPU lacks would be noticed: wide integers are made floats on the processor', async (context) => {
    const engine = await webgpu(context, strict);
    const graph = { outputs: { numbers: cast(input('counts', [4], 'int64'), 'float32') } };
    await expect(engine.compile(graph)).rejects.toThrow(/fallback to CPU EP has been explicitly disabled/);
  });

  test(
    'purify takes the same course: every loss, the dummy trigger, the prompts and the head',
    async (context) => {
      const clip = await openClip(fixture('hugging-face-quick-gelu'));
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
      const found = await course(await webgpu(context));
      const expected = await course(processor);
      expect(expected.losses.shape).toEqual([4]);
      for (const key of ['losses', 'mask', 'pattern', 'contexts', 'head'] as const)
        expect(relativeError(expected[key], found[key]), key).toBeLessThan(tolerance.steps);
    },
    patience,
  );

  test(
    'patches run the same race: what their classes cost, and what becomes of the patches',
    async (context) => {
      const clip = await openClip(fixture('hugging-face-quick-gelu'));
      const shots = colouredShots();
      const head = await zeroShotHead(processor, clip, shots.classes, [plainPrompt]);
      const round = { runners: 2 * starts, steps: 2, together: 2 * starts, pictures: 2 };
      const run = async (engine: Engine) => {
        const { recorder } = keeping();
        const pace = cbptDefaults.inversion;
        const race = { engine, clip, head, shots, stage: 'race', window: 0.25, pace, seed: 1, recorder };
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
      const found = await run(await webgpu(context));
      const expected = await run(processor);
      for (const key of ['order', 'costs', 'masks'] as const)
        expect(relativeError(expected[key], found[key]), key).toBeLessThan(tolerance.steps);
    },
    patience,
  );
});

function relativeError(expected: Tensor, found: Tensor): number {
  expect(found.shape).toEqual(expected.shape);
  const numbers = Array.from(expected.data, Number);
  const largest = Math.max(...numbers.map(Math.abs));
  expect(largest).toBeGreaterThan(0);
  return Math.max(...numbers.map((number, i) => Math.abs(number - Number(found.data[i])))) / largest;
}

function noise(name: string, shape: Shape): Tensor<'float32'> {
  const random = randomFor(1, name);
  return float32(
    Float32Array.from({ length: elements(shape) }, () => random.uniform()),
    shape,
  );
}
