import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, type NodeProto } from 'onnx-buf';
import { expect, test } from 'vitest';
import { toFloat16 } from '../tensor/float16.ts';
import { openSafetensors, writeSafetensors } from '../tensor/safetensors.ts';
import { float32, type StoredTensor, type Tensor } from '../tensor/tensor.ts';
import { add, exp, mul, stopGradient } from './elementwise.ts';
import { gradients } from './gradients.ts';
import { constant, input, weight } from './leaves.ts';
import { linear, matMul } from './linear-algebra.ts';
import { nextOf, toOnnx } from './onnx.ts';
import { sum } from './reduction.ts';
import { runForTests } from './run.test-support.ts';
import type { Value } from './value.ts';

function nodesOf(outputs: Record<string, Value>): readonly NodeProto[] {
  return fromBinary(ModelProtoSchema, toOnnx({ outputs }).bytes).graph!.node;
}

const count = (nodes: readonly NodeProto[], type: string): number =>
  nodes.filter(({ opType }) => opType === type).length;

async function withStored(tensors: Record<string, Tensor>, use: (stored: Map<string, StoredTensor>) => Promise<void>) {
  const folder = await mkdtemp(join(tmpdir(), 'onnx-'));
  try {
    await writeSafetensors(join(folder, 'weights.safetensors'), tensors);
    await use(new Map((await openSafetensors(join(folder, 'weights.safetensors'))).tensors));
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('equal operations on equal inputs are written once, however often they were built', () => {
  const x = input('x', [4]);
  const twice = add(exp(add(x, 1)), exp(add(x, 1)));
  const nodes = nodesOf({ twice });
  expect([count(nodes, 'Add'), count(nodes, 'Exp')]).toEqual([2, 1]);
});

test('constants of equal contents are one, of different contents are not', () => {
  const x = input('x', [2]);
  const c = (...numbers: number[]) => constant(float32(numbers, [2]));
  const y = add(add(x, c(1, 2)), add(mul(x, c(1, 2)), c(2, 1)));
  const { initializer } = fromBinary(ModelProtoSchema, toOnnx({ outputs: { y } }).bytes).graph!;
  expect(initializer.length).toBe(2);
});

test('what no result needs is not written', () => {
  const x = input('x', [4]);
  exp(x);
  expect(count(nodesOf({ y: mul(x, 2) }), 'Exp')).toBe(0);
});

test('the same graph built twice has the same bytes and the same hash; another one has another', () => {
  const build = (factor: number) => {
    const [x, w] = [input('x', [2, 3]), input('w', [4, 3])];
    const loss = sum(mul(linear(x, w), factor));
    return toOnnx({ outputs: { loss, dw: gradients(loss, [w])[0]! } });
  };
  expect(build(2)).toEqual(build(2));
  expect(build(3).hash).not.toBe(build(2).hash);
});

test('a result may be an input, be wanted twice, or be a constant', async () => {
  const x = input('x', [2]);
  const results = await runForTests(
    { outputs: { a: x, b: x, c: constant(7), d: stopGradient(x) } },
    { x: float32([1, 2], [2]) },
  );
  expect(Object.values(results).map(({ data }) => [...data])).toEqual([[1, 2], [1, 2], [7], [1, 2]]);
});

test('the next value of a state is an output of its own', async () => {
  const s = input('s', [2]);
  const graph = { outputs: { y: mul(s, 10) }, state: { s: { input: s, next: add(s, 1) } } };
  expect(Object.keys(toOnnx(graph).outputs)).toEqual(['y', nextOf('s')]);
  const results = await runForTests(graph, { s: float32([1, 2], [2]) });
  expect([...results[nextOf('s')]!.data]).toEqual([2, 3]);
});

test('names that clash and states that change shape are refused by name', () => {
  const x = input('x', [2]);
  expect(() => toOnnx({ outputs: { y: sum(add(sum(x), sum(input('x', [3])))) } })).toThrow(
    /input x: .*\[2\] and float32 \[3\]/,
  );
  expect(() => toOnnx({ outputs: { x: exp(x) } })).toThrow(/output x/);
  expect(() => toOnnx({ outputs: {}, state: { x: { input: x, next: sum(x) } } })).toThrow(
    /state x: .*\[2\] becoming float32 \[\]/,
  );
});

test('weights are read from where they lie in their file, whatever their precision', async () => {
  const numbers = [0.5, -1.25, 3, 0.125, 8, -2];
  const single = float32(numbers, [2, 3]);
  const half: Tensor = { dtype: 'float16', shape: [2, 3], data: toFloat16(single.data) };
  await withStored({ single, half, other: float32([1, 1, 1], [3, 1]) }, async (stored) => {
    const [a, b, ones] = ['single', 'half', 'other'].map((name) => weight(stored.get(name)!)) as [Value, Value, Value];
    const model = toOnnx({ outputs: { y: matMul(a, ones) } });
    expect(model.bytes.length).toBeLessThan(1000);
    expect(Object.values(model.files)).toEqual([stored.get('single')!.path]);
    const results = await runForTests({ outputs: { a: matMul(a, ones), b: matMul(b, ones) } });
    expect([...results.a!.data]).toEqual([2.25, 6.125]);
    expect([...results.b!.data]).toEqual([2.25, 6.125]);
  });
});

test('equal models over different weight files have different hashes', async () => {
  const y = (path: string) => ({ y: weight({ path, dtype: 'float32', shape: [1], offset: 0, length: 4 }) });
  expect(toOnnx({ outputs: y('/a') }).hash).not.toBe(toOnnx({ outputs: y('/b') }).hash);
});

test('integers cannot be weights', () => {
  const stored: StoredTensor = { path: '/a', dtype: 'int64', shape: [1], offset: 0, length: 8 };
  expect(() => weight(stored)).toThrow(/\/a: found a weight of type int64/);
});
