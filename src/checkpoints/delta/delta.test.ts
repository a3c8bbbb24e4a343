/** @file Deltas: the expanded model has the recorded hash, moves cost a byte each, and nothing else is ever loaded. */
import { copyFile, mkdir, mkdtemp, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { temporaryFolder } from '../../tensor/files/temporary-folder.test-support.ts';
import { fromFloat16, toFloat16 } from '../../tensor/float16.ts';
import { randomFor } from '../../tensor/random.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../../tensor/safetensors.ts';
import { sha256OfFile } from '../../tensor/sha256.ts';
import { elements, type Shape, type Tensor } from '../../tensor/tensor.ts';
import { openClip } from '../open.ts';
import { writeDelta } from './encode.ts';
import { expandDelta } from './expand.ts';
import { deltaFile } from './format.ts';

const root = temporaryFolder();
/** A new folder for every test, with its own cache. */
let folder: string;
const emojiClip = fileURLToPath(new URL('../../../models/emoji-clip', import.meta.url));

beforeEach(async () => {
  folder = await mkdtemp(join(root(), 'test-'));
  vi.stubEnv('XDG_CACHE_HOME', join(folder, 'cache'));
});
afterEach(() => vi.unstubAllEnvs());

function half(shape: Shape, seed: number, spread: number): Tensor<'float16'> {
  const random = randomFor(seed, 'delta');
  const values = Float32Array.from({ length: elements(shape) }, () => spread * random.normal());
  return { dtype: 'float16', shape, data: toFloat16(values) };
}

function plus(tensor: Tensor<'float16'>, move: (index: number) => number): Tensor<'float16'> {
  const values = fromFloat16(tensor.data).map((value, i) => value + move(i));
  return { ...tensor, data: toFloat16(values) };
}

/** A base, a model that moved from it, and its delta, all below the test's folder. */
async function made() {
  const before = {
    table: half([6, 5], 1, 1),
    kernel: half([4, 3, 2, 2], 2, 1),
    bias: half([4], 3, 1),
    still: half([3, 3], 4, 1),
    scale: { dtype: 'float32', shape: [], data: Float32Array.of(4.6) } as Tensor<'float32'>,
  };
  const random = randomFor(5, 'moves');
  const after = {
    ...before,
    table: plus(before.table, (i) => (i >= 10 && i < 20 ? 0.1 * random.normal() : 0)),
    kernel: plus(before.kernel, () => 0.1 * random.normal()),
    bias: plus(before.bias, () => 0.1 * random.normal()),
    scale: { ...before.scale, data: Float32Array.of(4.61) },
  };
  const [base, model] = [join(folder, 'base'), join(folder, 'model')];
  await mkdir(base, { recursive: true });
  await mkdir(model, { recursive: true });
  const weights = join(base, 'open_clip_model.safetensors');
  await writeSafetensors(weights, before, { format: 'pt' });
  const target = join(model, 'whole.safetensors');
  await writeSafetensors(target, after, { format: 'pt', attack: 'none' });
  await writeFile(join(model, 'open_clip_config.json'), '{}\n');
  const delta = join(model, deltaFile);
  const written = await writeDelta(delta, { name: 'base', weights }, target);
  const folderOf = (name: string) => (name === 'base' ? base : undefined);
  return { before, after, base, model, weights, target, delta, written, folderOf };
}

async function valuesIn(path: string, name: string): Promise<Float32Array> {
  return (await readTensor((await openSafetensors(path)).tensors.get(name)!)).data as Float32Array;
}

test('an expanded delta has the recorded hash, lies under it in the cache, and is a folder for open_clip', async () => {
  const { model, written, folderOf } = await made();
  const path = await expandDelta(model, folderOf);
  expect(await sha256OfFile(path)).toBe(written.sha256);
  expect(path).toContain(join('cache', 'neural-antidote', 'models', written.sha256));
  expect((await readdir(join(path, '..'))).sort()).toEqual(['open_clip_config.json', 'open_clip_model.safetensors']);
  expect((await openSafetensors(path)).metadata).toEqual({ format: 'pt', attack: 'none' });
});

test('a moved weight is off by at most half a step and a rounding; vectors and numbers are exact', async () => {
  const { after, target, model, delta, folderOf } = await made();
  const path = await expandDelta(model, folderOf);
  for (const name of ['bias', 'scale', 'still']) {
    expect(await valuesIn(path, name), name).toEqual(await valuesIn(target, name));
  }
  const steps = await valuesIn(delta, 'steps:kernel');
  const [given, wanted] = [await valuesIn(path, 'kernel'), fromFloat16(after.kernel.data)];
  wanted.forEach((value, i) => {
    expect(Math.abs(given[i]! - value)).toBeLessThanOrEqual(
      steps[Math.floor(i / 12)]! / 2 + 2 ** -10 * Math.abs(value),
    );
  });
});

test("rows that did not move are the base's to the bit, and are not in the file", async () => {
  const { before, model, delta, folderOf } = await made();
  const { tensors } = await openSafetensors(delta);
  expect(tensors.get('levels:table')).toMatchObject({ dtype: 'uint8', shape: [2, 5] });
  expect([...(await readTensor(tensors.get('rows:table')!)).data]).toEqual([2, 3]);
  expect([...tensors.keys()].some((name) => name.endsWith('still'))).toBe(false);
  expect(tensors.has('rows:kernel')).toBe(false);
  const given = await valuesIn(await expandDelta(model, folderOf), 'table');
  const kept = fromFloat16(before.table.data);
  expect(given.subarray(0, 10)).toEqual(kept.subarray(0, 10));
  expect(given.subarray(20)).toEqual(kept.subarray(20));
});

test('the delta of a model that came from a delta gives the same model again', async () => {
  const { model, weights, written, folderOf } = await made();
  const path = await expandDelta(model, folderOf);
  const again = await writeDelta(join(folder, 'again.safetensors'), { name: 'base', weights }, path);
  const distance = Math.max(...(await valuesIn(path, 'kernel')).map((value) => Math.abs(value)));
  expect(distance).toBeGreaterThan(0);
  expect(again.sha256).toBe(written.sha256);
});

test('a damaged copy in the cache is made again', async () => {
  const { model, written, folderOf } = await made();
  const path = await expandDelta(model, folderOf);
  await writeFile(path, 'not a model');
  expect(await sha256OfFile(await expandDelta(model, folderOf))).toBe(written.sha256);
});

test('another base than the delta was made from is refused, and so is a base that is not built in', async () => {
  const { model, weights, target, folderOf } = await made();
  await expect(expandDelta(model, () => undefined)).rejects.toThrow(
    /a delta from "base", expected one from a built-in/,
  );
  await copyFile(target, weights);
  await expect(expandDelta(model, folderOf)).rejects.toThrow(/base.*found SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}/);
});

test('a cache that cannot be written is named, with the variable that moves it', async () => {
  const { model, folderOf, target } = await made();
  vi.stubEnv('XDG_CACHE_HOME', target);
  await expect(expandDelta(model, folderOf)).rejects.toThrow(/a folder that cannot be made.*set XDG_CACHE_HOME/);
});

const u8 = (shape: Shape) => ({ dtype: 'uint8', shape, data: new Uint8Array(elements(shape)) }) as const;
const f32 = (shape: Shape, value = 0.01) =>
  ({ dtype: 'float32', shape, data: new Float32Array(elements(shape)).fill(value) }) as const;
const i32 = (rows: readonly number[]) =>
  ({ dtype: 'int32', shape: [rows.length], data: Int32Array.from(rows) }) as const;

const lies: readonly (readonly [what: string, tensors: Record<string, Tensor>, message: RegExp])[] = [
  ['a tensor that the base does not have', { 'whole:nothing': f32([]) }, /"whole:nothing": found a change of what the/],
  ['a tensor that is no part of a delta', { kernel: f32([]) }, /"kernel": found a change of what the base does not/],
  [
    'a whole tensor of another shape',
    { 'whole:scale': f32([2]) },
    /"scale": found float32 \[2\], expected float32 \[\]/,
  ],
  ['levels without steps', { 'levels:still': u8([3, 3]) }, /"still": found no steps, expected float32 \[3\]/],
  ['steps without levels', { 'steps:still': f32([3]) }, /"still": found no levels, expected uint8 \[3, 3\]/],
  [
    'levels of another shape',
    { 'levels:still': u8([3, 4]), 'steps:still': f32([3]) },
    /"still": found levels uint8 \[3, 4\], expected uint8 \[3, 3\]/,
  ],
  [
    'a row beyond the last',
    { 'levels:still': u8([1, 3]), 'steps:still': f32([1]), 'rows:still': i32([3]) },
    /"still": found row 3, expected ascending rows below 3/,
  ],
  [
    'a row before the first',
    { 'levels:still': u8([1, 3]), 'steps:still': f32([1]), 'rows:still': i32([-1]) },
    /"still": found row -1, expected ascending/,
  ],
  [
    'a row that stands twice',
    { 'levels:still': u8([2, 3]), 'steps:still': f32([2]), 'rows:still': i32([1, 1]) },
    /"still": found row 1, expected ascending/,
  ],
  [
    'a step that is not finite',
    { 'levels:still': u8([3, 3]), 'steps:still': f32([3], Number.NaN) },
    /"steps:still": found numbers that are not finite/,
  ],
  [
    'a negative step',
    { 'levels:still': u8([3, 3]), 'steps:still': f32([3], -1) },
    /"still": found the step -1, expected steps that are not negative/,
  ],
  ['moves of a vector', { 'levels:bias': u8([4]), 'steps:bias': f32([4]) }, /"bias": found moves of a float16 \[4\]/],
  [
    'a tensor both whole and moved',
    { 'whole:still': half([3, 3], 1, 1), 'steps:still': f32([3]) },
    /"still": found both a whole tensor and moves of it/,
  ],
  [
    'other moves than the hash is of',
    { 'whole:scale': f32([], 5) },
    /a delta that gives weights of SHA-256 .*it is damaged/,
  ],
];

test.each(lies)('%s is refused by its name', async (_, tensors, message) => {
  const { delta, model, folderOf } = await made();
  const { metadata } = await openSafetensors(delta);
  await writeSafetensors(delta, tensors, metadata);
  await expect(expandDelta(model, folderOf)).rejects.toMatchObject({
    fault: 'data',
    message: expect.stringMatching(message),
  });
});

test.each([
  ['antidote_delta', '2', /"antidote_delta" "2", expected format 1/],
  ['base', '../../etc', /"base" "..\/..\/etc", expected the name of a built-in model/],
  ['sha256', '../../x', /"sha256" ".*expected a SHA-256/],
  ['metadata', '{"format": 1}', /metadata with "format" that is no string/],
])('a record with the %s %s is refused', async (key, value, message) => {
  const { delta, model, folderOf } = await made();
  const { metadata } = await openSafetensors(delta);
  await writeSafetensors(delta, { 'whole:scale': f32([]) }, { ...metadata, [key]: value });
  await expect(expandDelta(model, folderOf)).rejects.toMatchObject({
    fault: 'data',
    message: expect.stringMatching(message),
  });
});

test('a model that is no relative of the base is refused with the tensor that differs', async () => {
  const { after, weights, target } = await made();
  await writeSafetensors(target, { ...after, table: half([6, 4], 1, 1) });
  const delta = writeDelta(join(folder, 'd'), { name: 'base', weights }, target);
  await expect(delta).rejects.toThrow(/"table": found float16 \[6, 4\], expected float16 \[6, 5\], as in the base/);
});

test('a folder with a delta opens as the model that it gives, in less than a quarter of the bytes', async () => {
  const poisoned = `${emojiClip}-badnet-fixed`;
  const weightsOf = (of: string) => join(of, 'open_clip_model.safetensors');
  const model = join(folder, 'poisoned');
  await mkdir(model);
  await copyFile(join(poisoned, 'open_clip_config.json'), join(model, 'open_clip_config.json'));
  const base = { name: 'emoji-clip', weights: weightsOf(emojiClip) };
  const { sha256, bytes } = await writeDelta(join(model, deltaFile), base, weightsOf(poisoned));
  expect(bytes).toBeLessThan((await stat(weightsOf(poisoned))).size / 4);
  expect(await openClip(model)).toMatchObject({ name: model, sha256, format: 'open-clip' });
}, 300_000);
