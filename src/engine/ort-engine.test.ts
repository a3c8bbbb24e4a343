import { copyFile, mkdir, symlink, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AntidoteError } from '../errors.ts';
import { add, mul, sub } from '../graph/elementwise.ts';
import { gradients } from '../graph/gradients.ts';
import { constant, input, weight } from '../graph/leaves.ts';
import { matMul } from '../graph/linear-algebra.ts';
import { sum } from '../graph/reduction.ts';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { openSafetensors, writeSafetensors } from '../tensor/safetensors.ts';
import { float32, int64, type StoredTensor } from '../tensor/tensor.ts';
import type { Engine } from './engine.ts';
import { openEngine } from './ort-engine.ts';

const folder = temporaryFolder();
let engine: Engine;
beforeAll(async () => {
  engine = await openEngine({ device: 'cpu', threads: 1 });
});
afterAll(() => engine.close());

/** A chain of products of square matrices, for runs of any length. */
function longRun(size: number, times: number) {
  const x = input('x', [size, size]);
  let y = x;
  for (let i = 0; i < times; i++) y = matMul(y, x);
  return {
    graph: { outputs: { y } },
    feeds: { x: float32(new Float32Array(size * size).fill(1 / size), [size, size]) },
  };
}

async function storedWeights(path: string): Promise<ReadonlyMap<string, StoredTensor>> {
  await writeSafetensors(path, { w: float32([1, 2, 3, 4], [2, 2]), v: float32([5, 6], [2]) });
  return (await openSafetensors(path)).tensors;
}

const row = { x: float32([1, 10], [1, 2]) };
const timesW = (tensors: ReadonlyMap<string, StoredTensor>) => ({
  outputs: { y: matMul(input('x', [1, 2]), weight(tensors.get('w')!)) },
});

test('a program computes its outputs from its feeds', async () => {
  const [a, b] = [input('a', [2, 3]), input('b', [3, 2])];
  const program = await engine.compile({ outputs: { product: matMul(a, b), twice: mul(a, 2) } });
  const feeds = { a: float32([1, 2, 3, 4, 5, 6], [2, 3]), b: float32([1, 0, 0, 1, 1, 1], [3, 2]) };
  expect(await program.run(feeds)).toEqual({
    product: float32([4, 5, 10, 11], [2, 2]),
    twice: float32([2, 4, 6, 8, 10, 12], [2, 3]),
  });
  await program.release();
});

test("a caller's arrays stay the caller's: not detached, not changed, and a view sends only what it shows", async () => {
  const program = await engine.compile({ outputs: { y: mul(input('x', [2]), 2) } });
  const whole = Float32Array.of(1, 2, 3, 4);
  const feeds = { x: float32(whole.subarray(1, 3), [2]) };
  const running = program.run(feeds);
  whole.fill(0);
  expect(await running).toEqual({ y: float32([4, 6], [2]) });
  expect(whole.length).toBe(4);
  await program.release();
});

test('integers, bytes and booleans reach the engine and return', async () => {
  const [ids, pixels, mask] = [input('ids', [2], 'int64'), input('pixels', [3], 'uint8'), input('mask', [2], 'bool')];
  const program = await engine.compile({ outputs: { ids_: ids, pixels_: pixels, mask_: mask } });
  const [a, b] = [int64([-5, 2 ** 40], [2]), { dtype: 'uint8', shape: [3], data: Buffer.from([0, 128, 255]) } as const];
  const c = { dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) } as const;
  expect(await program.run({ ids: a, pixels: b, mask: c })).toEqual({
    ids_: a,
    pixels_: { ...b, data: Uint8Array.of(0, 128, 255) },
    mask_: c,
  });
  await program.release();
});

test('state stays in the engine from run to run: a counter', async () => {
  const count = input('count', []);
  const program = await engine.compile({
    outputs: { before: count, after: add(count, 1) },
    state: { count: { input: count, next: add(count, 1) } },
  });
  await program.writeState({ count: float32([40], []) });
  expect(await program.run({})).toEqual({ before: float32([40], []), after: float32([41], []) });
  expect(await program.run({})).toEqual({ before: float32([41], []), after: float32([42], []) });
  expect(await program.readState()).toEqual({ count: float32([42], []) });
  expect(await program.readState()).toEqual({ count: float32([42], []) });
  await program.writeState({ count: float32([7], []) });
  await program.run({});
  expect(await program.readState()).toEqual({ count: float32([8], []) });
  await program.release();
});

test('runs that are started without waiting happen one after the other, each on the state that the last one left', async () => {
  const [count, step] = [input('count', []), input('step', [])];
  const program = await engine.compile({
    outputs: { before: count },
    state: { count: { input: count, next: add(mul(count, 2), step) } },
  });
  await program.writeState({ count: float32([1], []) });
  const runs = [1, 2, 3, 4].map((number) => program.run({ step: float32([number], []) }));
  expect((await Promise.all(runs)).map(({ before }) => before!.data[0])).toEqual([1, 3, 8, 19]);
  await program.release();
});

test('gradient descent in the engine finds the minimum of a quadratic', async () => {
  const [x, goal] = [input('x', [3]), input('goal', [3])];
  const difference = sub(x, goal);
  const loss = sum(mul(difference, difference), [0]);
  const [slope] = gradients(loss, [x]);
  const program = await engine.compile({
    outputs: { loss },
    state: { x: { input: x, next: sub(x, mul(slope!, constant(0.25))) } },
  });
  await program.writeState({ x: float32([10, -10, 3], [3]) });
  const feeds = { goal: float32([1, 2, 3], [3]) };
  for (let step = 0; step < 40; step++) await program.run(feeds);
  expect(await program.run(feeds)).toEqual({ loss: float32([0], []) });
  expect(await program.readState()).toEqual({ x: float32([1, 2, 3], [3]) });
  await program.release();
});

test('two programs take their weights from one safetensors file', async () => {
  const tensors = await storedWeights(join(folder(), 'shared.safetensors'));
  const first = await engine.compile(timesW(tensors));
  const sum = add(matMul(input('x', [1, 2]), weight(tensors.get('w')!)), weight(tensors.get('v')!));
  const second = await engine.compile({ outputs: { y: sum } });
  expect(await first.run(row)).toEqual({ y: float32([31, 42], [1, 2]) });
  expect(await second.run(row)).toEqual({ y: float32([36, 48], [1, 2]) });
  await first.release();
  expect(await second.run(row)).toEqual({ y: float32([36, 48], [1, 2]) });
  await second.release();
});

test('one program takes weights from files in several folders, and through links that lead elsewhere', async () => {
  const [near, far] = [join(folder(), 'near'), join(folder(), 'far', 'away')];
  await mkdir(near);
  await mkdir(far, { recursive: true });
  await storedWeights(join(far, 'blob'));
  await symlink(join(far, 'blob'), join(near, 'model.safetensors'));
  const linked = (await openSafetensors(join(near, 'model.safetensors'))).tensors;
  const other = await storedWeights(join(near, 'other.safetensors'));
  const sum = add(matMul(input('x', [1, 2]), weight(linked.get('w')!)), weight(other.get('v')!));
  const program = await engine.compile({ outputs: { y: sum } });
  expect(await program.run(row)).toEqual({ y: float32([36, 48], [1, 2]) });
  await program.release();
});

test('weights of a rewritten file are read anew', async () => {
  const path = join(folder(), 'changing.safetensors');
  const before = await engine.compile(timesW(await storedWeights(path)));
  await writeSafetensors(path, { w: float32([0, 1, 1, 0], [2, 2]), v: float32([5, 6], [2]) });
  const after = await engine.compile(timesW((await openSafetensors(path)).tensors));
  expect(await before.run(row)).toEqual({ y: float32([31, 42], [1, 2]) });
  expect(await after.run(row)).toEqual({ y: float32([10, 1], [1, 2]) });
  await before.release();
  await after.release();
});

test('a weights file that is missing or has been cut short is named, as a fault of the data', async () => {
  const path = join(folder(), 'damaged.safetensors');
  const tensors = await storedWeights(path);
  await copyFile(path, `${path}.copy`);
  await truncate(path, 100);
  const cut = await engine.compile(timesW(tensors)).catch((error: unknown) => error);
  expect(cut).toBeInstanceOf(AntidoteError);
  expect(cut).toMatchObject({ fault: 'data', where: path });
  const missing = { ...tensors.get('w')!, path: join(folder(), 'missing.safetensors') };
  await expect(engine.compile(timesW(new Map([['w', missing]])))).rejects.toMatchObject({
    fault: 'data',
    where: missing.path,
  });
});

test('an equal graph is compiled once, and lives until all who compiled it have released it', async () => {
  const graph = () => ({ outputs: { y: mul(input('x', [2]), 3) } });
  const [first, second] = await Promise.all([engine.compile(graph()), engine.compile(graph())]);
  const feeds = { x: float32([1, 2], [2]) };
  await first.release();
  // Whoever releases twice does not take it from the other.
  await first.release();
  expect(await second.run(feeds)).toEqual({ y: float32([3, 6], [2]) });
  await second.release();
  await expect(second.run(feeds)).rejects.toThrow('program: found a call after its release');
  const third = await engine.compile(graph());
  expect(await third.run(feeds)).toEqual({ y: float32([3, 6], [2]) });
  await third.release();
});

test('programs of an equal graph share their state', async () => {
  const count = input('count', []);
  const counter = () => ({ outputs: { y: mul(count, 1) }, state: { count: { input: count, next: add(count, 1) } } });
  const [first, second] = await Promise.all([engine.compile(counter()), engine.compile(counter())]);
  await first.writeState({ count: float32([5], []) });
  await second.run({});
  expect(await first.readState()).toEqual({ count: float32([6], []) });
  await Promise.all([first.release(), second.release()]);
});

test('feeds that are missing, unknown, of another type, shape or length are refused by name', async () => {
  const program = await engine.compile({ outputs: { y: add(input('a', [2, 2]), input('b', [2])) } });
  const [a, b] = [float32([1, 2, 3, 4], [2, 2]), float32([1, 2], [2])];
  await expect(program.run({ a })).rejects.toThrow('feed "b": found nothing, expected float32 [2]');
  await expect(program.run({ a, b, c: b })).rejects.toThrow('feed "c": found no such name, expected one of a, b');
  await expect(program.run({ a, b: int64([1, 2], [2]) })).rejects.toThrow('feed "b": found int64 [2]');
  await expect(program.run({ a, b: float32([1], [1]) })).rejects.toThrow('found float32 [1], expected float32 [2]');
  await expect(program.run({ a, b: float32([1, 2, 3], [2]) })).rejects.toThrow('feed "b": found Float32Array of 3');
  await expect(program.run({ a, b, constructor: b })).rejects.toThrow('feed "constructor"');
  await program.release();
});

test('state must be written before the first run, and only under its names, types and shapes', async () => {
  const [p, q] = [input('p', [2]), input('q', [2])];
  const program = await engine.compile({
    outputs: { y: add(p, q) },
    state: { weights: { input: p, next: q }, other: { input: q, next: p } },
  });
  await expect(program.run({})).rejects.toThrow('state "weights": found nothing, expected writeState before');
  await program.writeState({ weights: float32([1, 2], [2]) });
  await expect(program.run({})).rejects.toThrow('state "other": found nothing');
  await expect(program.writeState({ p: float32([1, 2], [2]) })).rejects.toThrow('state "p": found no such name');
  await expect(program.writeState({ other: float32([1], [1]) })).rejects.toThrow('state "other": found float32 [1]');
  await program.writeState({ other: float32([3, 4], [2]) });
  await expect(program.run({ p: float32([0, 0], [2]) })).rejects.toThrow('feed "p": found no such name');
  expect(await program.run({})).toEqual({ y: float32([4, 6], [2]) });
  expect(await program.readState()).toEqual({ weights: float32([3, 4], [2]), other: float32([1, 2], [2]) });
  await program.release();
});

test('a run without enough memory fails with a clear message, and the engine continues', async () => {
  const size = 400_000;
  const product = sum(matMul(input('a', [size, 1]), input('b', [1, size])), [0, 1]);
  const program = await engine.compile({ outputs: { product } });
  const numbers = new Float32Array(size);
  const feeds = { a: float32(numbers, [size, 1]), b: float32(numbers, [1, size]) };
  await expect(program.run(feeds)).rejects.toThrow(/ONNX Runtime: .*allocate.*a smaller batch needs less memory/s);
  await program.release();
  const small = await engine.compile({ outputs: { y: mul(input('x', [1]), 2) } });
  expect(await small.run({ x: float32([4], [1]) })).toEqual({ y: float32([8], [1]) });
  await small.release();
});

test('the event loop stays free during a long run', async () => {
  const { graph, feeds } = longRun(600, 40);
  const program = await engine.compile(graph);
  let longestPause = 0;
  let last = performance.now();
  const ticker = setInterval(() => {
    const now = performance.now();
    longestPause = Math.max(longestPause, now - last);
    last = now;
  }, 5);
  const start = performance.now();
  await program.run(feeds);
  const duration = performance.now() - start;
  clearInterval(ticker);
  await program.release();
  expect(duration).toBeGreaterThan(100);
  expect(longestPause).toBeLessThan(duration / 2);
});

test('close waits for the run in progress, and later calls are refused', async () => {
  const other = await openEngine({ device: 'cpu', threads: 1 });
  const { graph, feeds } = longRun(300, 40);
  const program = await other.compile(graph);
  const order: string[] = [];
  const run = program.run(feeds).then(() => order.push('run'));
  await Promise.all([other.close().then(() => order.push('close')), other.close()]);
  await run;
  expect(order).toEqual(['run', 'close']);
  await expect(program.run(feeds)).rejects.toThrow('after close');
  await expect(other.compile(graph)).rejects.toThrow('after close');
  await program.release();
  await other.close();
});

test('the same run gives the same bits in every engine of a process', async () => {
  const { graph, feeds } = longRun(64, 3);
  const tiny = {
    x: float32(
      feeds.x.data.map((_, i) => Math.sin(i) * 10 ** (-i % 40)),
      [64, 64],
    ),
  };
  const results: Float32Array[] = [];
  for (let i = 0; i < 2; i++) {
    const other = await openEngine({ device: 'cpu', threads: 2 });
    const program = await other.compile(graph);
    results.push((await program.run(tiny)).y!.data as Float32Array);
    await other.close();
  }
  expect(results[0]).toEqual(results[1]);
});
