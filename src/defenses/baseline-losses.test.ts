/** @file Losses and schedules of CleanCLIP and PAR agree with their formulas, computed directly. */
import { expect, test } from 'vitest';
import { openEngine } from '../engine/ort-engine.ts';
import { gradients } from '../graph/gradients.ts';
import { input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { randomFor } from '../tensor/random.ts';
import { float32 } from '../tensor/tensor.ts';
import { matches, symmetricContrast } from '../training/contrastive.ts';
import { cleanClipLoss } from './cleanclip.ts';
import { drift, parRate } from './par.ts';

const [pairs, size, scale] = [4, 6, 15];
/** Two pairs of one class, so that a caption has two matching pictures. */
const groups = Int32Array.of(0, 1, 0, 2);

function unitRows(rows: number, name: string): number[][] {
  const random = randomFor(3, name);
  return Array.from({ length: rows }, () => {
    const row = Array.from({ length: size }, () => random.normal());
    return row.map((x) => x / Math.hypot(...row));
  });
}

const images = unitRows(2 * pairs, 'images');
const texts = unitRows(2 * pairs, 'texts');
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
const same = (i: number, j: number) => groups[i] === groups[j];
const alone = (i: number, j: number) => i === j;

/** Mean over rows of -log softmax, averaged over the columns that match. */
function contrast(rows: number[][], columns: number[][], match: (i: number, j: number) => boolean): number {
  return mean(
    rows.map((row, i) => {
      const logits = columns.map((column) => scale * dot(row, column));
      const all = Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0));
      return mean([...columns.keys()].filter((j) => match(i, j)).map((j) => all - logits[j]!));
    }),
  );
}

async function run(outputs: Record<string, Value>, feeds: Record<string, ReturnType<typeof float32>>) {
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const program = await engine.compile({ outputs });
  const result = await program.run(feeds);
  await engine.close();
  return (name: string) => Array.from(result[name]!.data as Float32Array);
}

test('the image-text contrast is the mean of both directions, with all captions of the class as matches', async () => {
  const [left, right] = [input('images', [pairs, size]), input('texts', [pairs, size])];
  const loss = symmetricContrast(left, right, input('scale', []), input('matches', [pairs, pairs]));
  const of = await run(
    { loss },
    {
      images: float32(images.slice(0, pairs).flat(), [pairs, size]),
      texts: float32(texts.slice(0, pairs).flat(), [pairs, size]),
      scale: float32([scale], []),
      matches: matches(groups),
    },
  );
  const [a, b] = [images.slice(0, pairs), texts.slice(0, pairs)];
  expect(of('loss')[0]).toBeCloseTo((contrast(a, b, same) + contrast(b, a, same)) / 2, 4);
});

test("CleanCLIP adds half of each modality's contrast with its own copies, in one direction", async () => {
  const unused = input('unused', []);
  const batch = {
    images: input('images', [2 * pairs, size]),
    texts: input('texts', [2 * pairs, size]),
    scale: input('scale', []),
    targets: input('matches', [pairs, pairs]),
    pairs,
    pixels: unused,
    ids: unused,
    ends: unused,
    parameters: () => unused,
    before: () => unused,
  };
  const of = await run(cleanClipLoss(batch, { pairWeight: 2, selfWeight: 3 }), {
    images: float32(images.flat(), [2 * pairs, size]),
    texts: float32(texts.flat(), [2 * pairs, size]),
    scale: float32([scale], []),
    matches: matches(groups),
  });
  const half = (rows: number[][]) => [rows.slice(0, pairs), rows.slice(pairs)] as const;
  const [[a, aCopy], [b, bCopy]] = [half(images), half(texts)];
  const pair = (contrast(a, b, same) + contrast(b, a, same)) / 2;
  const self = (contrast(a, aCopy, alone) + contrast(b, bCopy, same)) / 2;
  expect(of('pair')[0]).toBeCloseTo(pair, 4);
  expect(of('self')[0]).toBeCloseTo(self, 4);
  expect(of('loss')[0]).toBeCloseTo(2 * pair + 3 * self, 3);
});

test("PAR's drift is the mean squared distance, and zero without a gradient above the limit", async () => {
  const [now, before] = [input('now', [2 * pairs, size]), input('before', [2 * pairs, size])];
  const distance = mean(images.map((row, i) => row.reduce((sum, x, k) => sum + (x - texts[i]![k]!) ** 2, 0)));
  const [below, above] = [drift(now, before, distance + 0.01), drift(now, before, distance - 0.01)];
  const of = await run(
    { below, above, pull: gradients(below, [now])[0]!, none: gradients(above, [now])[0]! },
    { now: float32(images.flat(), [2 * pairs, size]), before: float32(texts.flat(), [2 * pairs, size]) },
  );
  expect(of('below')[0]).toBeCloseTo(distance, 5);
  expect(of('above')[0]).toBe(0);
  of('pull').forEach((value, at) => {
    expect(value).toBeCloseTo((2 * (images.flat()[at]! - texts.flat()[at]!)) / (2 * pairs), 5);
  });
  expect(new Set(of('none').map(Math.abs))).toEqual(new Set([0]));
});

test("PAR's rate falls linearly to a tenth, then along a cosine to almost zero", () => {
  const rates = Array.from({ length: 101 }, (_, i) => parRate(i + 1, 101, 3e-5));
  expect(rates[0]).toBeCloseTo(3e-5, 12);
  expect(rates[25]).toBeCloseTo((3e-5 + 3e-6) / 2, 12);
  expect(rates[50]).toBeCloseTo(3e-6, 12);
  expect(rates[75]).toBeCloseTo((3e-6 + 1e-9) / 2, 10);
  expect(rates[100]).toBeCloseTo(1e-9, 14);
  for (let i = 1; i < rates.length; i++) expect(rates[i]).toBeLessThan(rates[i - 1]!);
});
