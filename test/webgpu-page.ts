/**
 * @file A page on WebGPU beside an engine of the processor, for tests that compare them: onnxruntime-web in Chromium,
 * whose adapter here is SwiftShader, which computes on the processor.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, type TestContext } from 'vitest';
import type { Engine } from '../src/engine/engine.ts';
import { openEngine } from '../src/engine/ort-engine.ts';
import type { Tensor } from '../src/tensor/tensor.ts';
import { openChromium } from './chromium.ts';
import { openPageEngine, runtimeFolder } from './page-engine.ts';
import { type PageServer, servePages } from './page-server.ts';

/** Largest difference from the processor, as a share of the largest number. Measured: 1e-6, and 7e-5 of what Adam moved. */
export const tolerance = { graph: 1e-5, steps: 1e-3 };

/** SwiftShader compiles every shader for the processor: seconds on a free machine, minutes on a busy one. */
export const patience = 600_000;

export interface WebgpuPage {
  readonly processor: Engine;
  /** Skips the test where the browser has no adapter. `session`: options of onnxruntime-web. */
  readonly webgpu: (context: TestContext, session?: object) => Promise<Engine>;
}

/** For the tests of one `describe`: opened before the first, closed after the last. */
export function openedWebgpuPage(): WebgpuPage {
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

  return {
    get processor() {
      return processor;
    },
    webgpu(context, session) {
      if (!adapter) context.skip('this Chromium has no WebGPU adapter, not even SwiftShader');
      return openPageEngine(page, join(folder, 'programs'), session);
    },
  };
}

/** Largest difference as a share of the largest number. */
export function relativeError(expected: Tensor, found: Tensor): number {
  expect(found.shape).toEqual(expected.shape);
  const numbers = Array.from(expected.data, Number);
  const largest = Math.max(...numbers.map(Math.abs));
  expect(largest).toBeGreaterThan(0);
  return Math.max(...numbers.map((number, i) => Math.abs(number - Number(found.data[i])))) / largest;
}
