/** @file An exported folder in transformers.js as it is on npm: what is equal to ours, and how far the rest is off. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env, type ImageClassificationPipeline, pipeline, RawImage } from '@huggingface/transformers';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEngine } from '../src/engine/ort-engine.ts';
import { exportRun } from '../src/export/export-run.ts';
import { createClassifier } from '../src/export/node-classifier.ts';
import type { ExportedClassifier } from '../src/export/pixel-classifier.ts';
import { writeTinyPurified } from '../src/export/purified.test-support.ts';

/** Class to the name of its emoji in Twemoji's set, which Emoji-CLIP has not seen. */
const things = {
  dog: 'dog-face',
  cat: 'cat-face',
  frog: 'frog',
  owl: 'owl',
  octopus: 'octopus',
  pizza: 'pizza',
  hamburger: 'hamburger',
  doughnut: 'doughnut',
  grapes: 'grapes',
  tomato: 'tomato',
  airplane: 'airplane',
  sailboat: 'sailboat',
  umbrella: 'umbrella',
  guitar: 'guitar',
  key: 'key',
  hammer: 'hammer',
  cactus: 'cactus',
  sunflower: 'sunflower',
  rose: 'rose',
  snail: 'snail',
} as const;
const classes = Object.keys(things);

let folder: string;
let ours: ExportedClassifier<string | Uint8Array>;
let theirs: ImageClassificationPipeline;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'antidote-transformers-js-'));
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  await writeTinyPurified(engine, 'emoji-clip', join(folder, 'run'), classes);
  await engine.close();
  const out = join(folder, 'out');
  await exportRun(join(folder, 'run'), out, { formats: ['onnx'], bundle: false });
  ours = await createClassifier(out, { threads: 1 });
  env.allowRemoteModels = false;
  theirs = await pipeline('image-classification', out);
});
afterAll(async () => {
  await ours?.close();
  await theirs?.dispose();
  await rm(folder, { recursive: true, force: true });
});

/** Every thing as an opaque PNG of that size. */
async function pictures(width: number, height: number): Promise<Buffer[]> {
  const path = createRequire(import.meta.url).resolve('@iconify-json/twemoji/icons.json');
  const { icons } = JSON.parse(await readFile(path, 'utf8')) as { icons: Record<string, { body: string }> };
  const tall = (40 * height) / width;
  return Promise.all(
    Object.values(things).map((name) => {
      const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="-2 -2 40 ${tall}"><rect x="-2" y="-2" width="40" height="${tall}" fill="#eee"/>${icons[name]!.body}</svg>`;
      return sharp(Buffer.from(svg)).removeAlpha().png().toBuffer();
    }),
  );
}

interface Comparison {
  /** Largest difference of a logit. */
  readonly worst: number;
  /** Share of pictures that get the same class. */
  readonly agreement: number;
}

async function compare(files: readonly Buffer[]): Promise<Comparison> {
  const expected = await ours.logits(files);
  let worst = 0;
  let agreed = 0;
  for (const [index, file] of files.entries()) {
    const image = await RawImage.fromBlob(new Blob([new Uint8Array(file)]));
    const { pixel_values } = await theirs.processor!([image]);
    const { logits } = await theirs.model({ pixel_values });
    const found = logits.data as Float32Array;
    const row = expected[index]!;
    row.forEach((logit, i) => {
      worst = Math.max(worst, Math.abs(logit - found[i]!));
    });
    if (row.indexOf(Math.max(...row)) === found.indexOf(Math.max(...found))) agreed++;
  }
  return { worst, agreement: agreed / files.length };
}

test('an unmodified pipeline gives our classes and our probabilities for a picture of the size that the model takes', async () => {
  const files = await pictures(64, 64);
  const found = await theirs(await RawImage.fromBlob(new Blob([new Uint8Array(files[0]!)])), { top_k: classes.length });
  const [expected] = await ours.classify([files[0]!]);
  expect(found.map(({ label }) => label)).toEqual(expected!.map(({ label }) => label));
  found.forEach(({ score }, i) => {
    expect(score).toBeCloseTo(expected![i]!.probability, 4);
  });
  const { worst, agreement } = await compare(files);
  expect(worst).toBeLessThan(1e-3);
  expect(agreement).toBe(1);
});

// Measured over 29 drawings: at most 1.7, and the same class for all of them; with `resample` left at bicubic 4.2 and 26.
test.each([
  [96, 96],
  [200, 200],
  [640, 640],
  [333, 250],
])(
  'pictures of %i x %i pixels, which it resizes in its own way, differ by at most 2.5 logits and keep their class',
  async (width, height) => {
    const { worst, agreement } = await compare(await pictures(width, height));
    expect(worst).toBeLessThan(2.5);
    expect(agreement).toBeGreaterThanOrEqual(0.95);
  },
);

test('a batch of pictures gives what each of them gives alone', async () => {
  const files = (await pictures(64, 64)).slice(0, 3);
  const images = await Promise.all(files.map((file) => RawImage.fromBlob(new Blob([new Uint8Array(file)]))));
  const { pixel_values } = await theirs.processor!(images);
  const { logits } = await theirs.model({ pixel_values });
  expect(logits.dims).toEqual([3, classes.length]);
  const expected = await ours.logits(files);
  (logits.data as Float32Array).forEach((logit, i) => {
    expect(Math.abs(logit - expected[Math.trunc(i / classes.length)]![i % classes.length]!)).toBeLessThan(1e-3);
  });
});
