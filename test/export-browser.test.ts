/** @file An exported folder in a real browser, on onnxruntime-web: our logits, and what its decoder does differently. */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BrowserContext, Page } from 'playwright-core';
import sharp from 'sharp';
import { build } from 'tsdown';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeImage } from '../src/clip/pictures/decode.ts';
import { openEngine } from '../src/engine/ort-engine.ts';
import { exportRun } from '../src/export/export-run.ts';
import { createClassifier } from '../src/export/node-classifier.ts';
import { writeTinyPurified } from '../src/export/purified.test-support.ts';
import { browser as browserBuild } from '../tsdown.config.ts';
import { hasChromium, openChromium } from './chromium.ts';
import { type PageServer, servePages } from './page-server.ts';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const pictureFolder = path('fixtures/preprocess/images');
const runtimeFolder = dirname(createRequire(import.meta.url).resolve('onnxruntime-web'));
const classes = ['banana', 'pizza', 'dog', 'cat'];

/** Kinds of pictures that Chromium decodes to the bytes that Pillow gives. */
const equal = [
  'rgb.png',
  'rgb-16-bit.png',
  'gray.png',
  'palette.png',
  'profile.png',
  'rgb.jpg',
  'rgb-444-progressive.jpg',
  'gray.jpg',
  'profile.jpg',
  'exif-rotated.jpg',
  'rgb.webp',
  'palette.gif',
  'animated.gif',
  'animated.webp',
  'bilevel.png',
  'gray-2-bit.png',
  'gray-4-bit.png',
  'one-pixel.png',
];

describe.skipIf(!hasChromium)('in Chromium (skipped where it is not installed: apt-get install chromium)', () => {
  let folder: string;
  let server: PageServer;
  let browser: BrowserContext;
  let page: Page;
  const trouble: string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'antidote-browser-'));
    const engine = await openEngine({ device: 'cpu', threads: 1 });
    const run = join(folder, 'run');
    await writeTinyPurified(engine, path('fixtures/clip/hugging-face-quick-gelu'), run, classes);
    await engine.close();
    await exportRun(run, join(folder, 'exported'), { formats: ['onnx'], bundle: false });
    const options = { ...browserBuild, dts: false, config: false, outDir: join(folder, 'dist') } as const;
    await build({ ...options, logLevel: 'silent' });
    await build({ ...options, entry: { decode: path('../src/export/browser-decode.ts') }, logLevel: 'silent' });
    server = await servePages({
      exported: join(folder, 'exported'),
      dist: join(folder, 'dist'),
      runtime: runtimeFolder,
      pictures: pictureFolder,
      turned: join(folder, 'turned'),
    });
    browser = await openChromium(join(folder, 'profile'));
    page = await browser.newPage();
    page.on('pageerror', (error) => trouble.push(String(error)));
    await page.goto(server.address);
    // What runs inside the page is written as text: the project is compiled without the types of a browser.
    await page.evaluate(`(async () => {
        window.runtime = await import('/runtime/ort.wasm.min.mjs');
        runtime.env.wasm.numThreads = 1;
        runtime.env.wasm.wasmPaths = '/runtime/';
        window.antidote = await import('/dist/browser.mjs');
        window.decode = (await import('/dist/decode.mjs')).decodeInBrowser;
        window.steps = [];
        window.classifier = await antidote.createClassifier('/exported', { runtime, progress: (...at) => steps.push(at) });
      })()`);
  }, 180_000);

  afterAll(async () => {
    await browser?.close();
    server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const inPage = <T>(script: string) => page.evaluate(script) as Promise<T>;
  const logitsInPage = (names: readonly string[]) =>
    inPage<number[][]>(
      `classifier.logits(${JSON.stringify(names.map((name) => `/pictures/${name}`))}).then((all) => all.map((row) => Array.from(row)))`,
    );

  test('the build is one file that needs no other, and nothing of Node', async () => {
    const code = await readFile(join(folder, 'dist', 'browser.mjs'), 'utf8');
    expect(code).not.toMatch(/^\s*import\b(?!\()/m);
    expect(code).not.toMatch(/['"]node:|['"]sharp|Buffer\.|process\.(env|versions)/);
  });

  test('opaque pictures get the logits that Node gives', async () => {
    const classifier = await createClassifier(join(folder, 'exported'), { threads: 1 });
    const expected = await classifier.logits(equal.map((name) => join(pictureFolder, name)));
    await classifier.close();
    const found = await logitsInPage(equal);
    found.forEach((row, i) => {
      row.forEach((logit, k) => {
        expect(Math.abs(logit - expected[i]![k]!), equal[i]).toBeLessThan(1e-3);
      });
    });
    expect(trouble).toEqual([]);
  });

  test('a file of the page is classified, best class first, and loading told how far it was', async () => {
    const best = await inPage<{ label: string; probability: number }[][]>(
      `fetch('/pictures/rgb.png').then((response) => response.blob())
          .then((blob) => classifier.classify([new File([blob], 'mine.png')], 3))`,
    );
    expect(best[0]).toHaveLength(3);
    expect(best[0]![0]!.probability).toBeGreaterThanOrEqual(best[0]![1]!.probability);
    const steps = await inPage<[number, number][]>('steps');
    const total = (await readFile(join(folder, 'exported', 'onnx', 'model.onnx'))).length;
    expect(steps.at(-1)).toEqual([total, total]);
  });

  test('what is no picture, no export, or another model ends in one clear error', async () => {
    const message = (script: string) => inPage<string>(`${script}.then(() => 'nothing', (error) => error.message)`);
    expect(await message(`classifier.classify([new File(['no'], 'text.png')])`)).toMatch(
      /^text\.png: found no picture/,
    );
    expect(await message(`classifier.classify(['/pictures/nowhere.png'])`)).toMatch(
      /nowhere\.png: found HTTP status 404, expected a JPEG, PNG, WebP or GIF picture/,
    );
    expect(await message(`antidote.createClassifier('/pictures', { runtime })`)).toMatch(
      /export\.json: found HTTP status 404/,
    );
    const other = `(() => {
        const real = window.fetch;
        window.fetch = async (address) => {
          const response = await real(address);
          if (!String(address).endsWith('.onnx')) return response;
          const bytes = new Uint8Array(await response.arrayBuffer());
          bytes[1000] ^= 1;
          return new Response(bytes);
        };
        return antidote.createClassifier('/exported', { runtime }).finally(() => { window.fetch = real; });
      })()`;
    expect(await message(other)).toMatch(/model\.onnx: found SHA-256 .*export\.json says/);
  });

  interface Decoded {
    readonly data: number[];
    readonly width: number;
    readonly height: number;
  }

  const decodedInPage = (name: string, folder = 'pictures') =>
    inPage<Decoded>(
      `fetch('/${folder}/${name}').then((response) => response.blob()).then((file) => decode(file, 'picture'))
          .then(({ data, width, height }) => ({ data: Array.from(data), width, height }))`,
    );

  test.each(equal)('%s is decoded to the bytes that Pillow gives', async (name) => {
    const expected = await decodeImage(join(pictureFolder, name));
    const found = await decodedInPage(name);
    expect([found.width, found.height]).toEqual([expected.width, expected.height]);
    expect(Buffer.from(found.data).equals(expected.data)).toBe(true);
  });

  test.each(['jpeg', 'png', 'webp'] as const)('a %s that asks to be turned is not, as in Node', async (format) => {
    const name = `turned.${format}`;
    const file = join(folder, 'turned', name);
    await mkdir(dirname(file), { recursive: true });
    const wide = sharp(join(pictureFolder, 'rgb.png')).resize(40, 20).withMetadata({ orientation: 6 });
    await wide.toFormat(format, { lossless: true }).toFile(file);
    expect((await sharp(file).metadata()).orientation).toBe(6);
    const [expected, found] = [await decodeImage(file), await decodedInPage(name, 'turned')];
    expect([found.width, found.height]).toEqual([40, 20]);
    expect(Buffer.from(found.data).equals(expected.data)).toBe(true);
  });

  test.each(['rgb.avif', 'rgb.tiff'])('%s is refused, as in Node', async (name) => {
    await expect(decodeImage(join(pictureFolder, name))).rejects.toThrow(/a JPEG, PNG, WebP or GIF picture/);
    await expect(decodedInPage(name)).rejects.toThrow(
      /picture: found (heif|tiff) data, expected a JPEG, PNG, WebP or GIF picture/,
    );
  });

  test.each(['gray-16-bit.png', 'gray-16-bit-transparent.png'])(
    '%s is refused: Pillow cuts off its levels, which a canvas does not give',
    async (name) => {
      await expect(decodedInPage(name)).rejects.toThrow(/picture: found a grey PNG of 16 bits.*8 bits/);
    },
  );

  test('what Pillow decodes otherwise are transparent pixels, whose colour is lost, and CMYK, by one level', async () => {
    const file = join(pictureFolder, 'rgba.png');
    const alpha = await sharp(file).extractChannel('alpha').raw().toBuffer();
    const [expected, found] = [await decodeImage(file), await decodedInPage('rgba.png')];
    const differing = [...alpha.keys()].filter((pixel) =>
      [0, 1, 2].some((channel) => expected.data[3 * pixel + channel] !== found.data[3 * pixel + channel]),
    );
    expect(differing.length).toBeGreaterThan(0);
    expect(differing.filter((pixel) => alpha[pixel] === 255)).toEqual([]);
    const clear = [...alpha.keys()].filter((pixel) => alpha[pixel] === 0);
    expect(clear.every((pixel) => found.data[3 * pixel] === 0)).toBe(true);

    const inks = await decodeImage(join(pictureFolder, 'cmyk.jpg'));
    const shown = (await decodedInPage('cmyk.jpg')).data;
    expect(Math.max(...inks.data.map((level, i) => Math.abs(level - shown[i]!)))).toBeLessThanOrEqual(1);
  });
});
