import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { add, mul, sub } from '../graph/elementwise.ts';
import { gradients } from '../graph/gradients.ts';
import { constant, input, weight } from '../graph/leaves.ts';
import { matMul } from '../graph/linear-algebra.ts';
import { sum } from '../graph/reduction.ts';
import { openSafetensors, writeSafetensors } from '../tensor/safetensors.ts';
import { float32 } from '../tensor/tensor.ts';
import type { Engine } from './engine.ts';
import { openEngine } from './ort-engine.ts';

let folder: string;
let engine: Engine;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'engine-'));
  engine = await openEngine({ device: 'cpu', threads: 1 });
});
afterAll(async () => {
  await engine.close();
  await rm(folder, { recursive: true });
});

test('a program computes its outputs from its feeds', async () => {
  const [a, b] = [input('a', [2, 3]), input('b', [3, 2])];
  const program = await engine.compile({ outputs: { product: matMul(a, b), twice: mul(a, 2) } });
  const feeds = { a: float32([1, 2, 3, 4, 5, 6], [2, 3]), b: float32([1, 0, 0, 1, 1, 1], [3, 2]) };
  expect(await program.run(feeds)).toEqual({
    product: float32([4, 5, 10, 11], [2, 2]),
    twice: float32([2, 4, 6, 8, 10, 12], [2, 3]),
  });
  expect([...feeds.a.data]).toEqual([1, 2, 3, 4, 5, 6]);
  await program.release();
});

test('state stays in the engine from run to run: a counter', async () => {
  const count = input('count', []);
  const program = await engine.compile({
    outputs: { before: count },
    state: { count: { input: count, next: add(count, 1) } },
  });
  await program.writeState({ count: float32([40], []) });
  expect(await program.run({})).toEqual({ before: float32([40], []) });
  expect(await program.run({})).toEqual({ before: float32([41], []) });
  expect(await program.readState()).toEqual({ count: float32([42], []) });
  await program.release();
});

test('gradient descent in the engine finds the minimum of a quadratic', async () => {
  const x = input('x', [3]);
  const goal = input('goal', [3]);
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

test('programs take their weights from a safetensors file', async () => {
  const path = join(folder, 'weights.safetensors');
  await writeSafetensors(path, { w: float32([1, 2, 3, 4], [2, 2]), v: float32([5, 6], [2]) });
  const { tensors } = await openSafetensors(path);
  const [w, v] = [weight(tensors.get('w')!), weight(tensors.get('v')!)];
  const x = input('x', [1, 2]);
  const first = await engine.compile({ outputs: { y: matMul(x, w) } });
  const second = await engine.compile({ outputs: { y: add(matMul(x, w), v) } });
  const feeds = { x: float32([1, 10], [1, 2]) };
  expect(await first.run(feeds)).toEqual({ y: float32([31, 42], [1, 2]) });
  expect(await second.run(feeds)).toEqual({ y: float32([36, 48], [1, 2]) });
  await first.release();
  await second.release();
});
