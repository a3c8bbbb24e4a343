import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { float32 } from '../tensor/tensor.ts';
import { add, mul } from './elementwise.ts';
import { withFreeBatch } from './free-batch.ts';
import type { Graph } from './graph.ts';
import { broadcastTo, concat, reshape, slice, transpose } from './layout.ts';
import { constant, filled, input } from './leaves.ts';
import { linear } from './linear-algebra.ts';
import { encodeModel } from './onnx-file.ts';
import { mean, sum } from './reduction.ts';

/** Rows 0, 1, 2, ... of a [n, 6] input. */
const rows = (n: number) => Float32Array.from({ length: 6 * n }, (_, i) => Math.sin(i));

/** What towers are made of: patches cut out, a token for each picture, tokens flattened and back, means over tokens. */
function tower(n: number): Graph {
  const x = transpose(reshape(input('x', [n, 6]), [n, 2, 3]), [0, 2, 1]);
  const token = broadcastTo(reshape(constant(float32([5, 7], [2])), [1, 1, 2]), [n, 1, 2]);
  const tokens = concat([token, x], 1);
  const mapped = linear(tokens, constant(float32([1, 2, 3, 4, 5, 6], [3, 2])), constant(float32([1, 1, 1], [3])));
  return { outputs: { y: add(mean(mapped, [1]), reshape(slice(mapped, 1, 0, 1), [n, 3])) } };
}

async function run(graph: Parameters<typeof encodeModel>[0], n: number) {
  const session = await InferenceSession.create(encodeModel(graph), { logSeverityLevel: 3 });
  const { y } = await session.run({ x: new Tensor('float32', rows(n), [n, 6]) });
  await session.release();
  return y!;
}

test('one file takes one picture or many, and gives each what it gets alone', async () => {
  const graph = withFreeBatch(tower, 'batch');
  const many = await run(graph, 5);
  expect(many.dims).toEqual([5, 3]);
  const one = await run(graph, 1);
  expect(one.dims).toEqual([1, 3]);
  expect([...(many.data as Float32Array)].slice(0, 3)).toEqual([...(one.data as Float32Array)]);
});

test('the free axis has its name in the file, and no unused constant is left', () => {
  const graph = withFreeBatch(tower, 'batch');
  const file = fromBinary(ModelProtoSchema, encodeModel(graph, { maker: 'a test' }));
  const shapes = [...file.graph!.input, ...file.graph!.output].map(({ type }) =>
    type?.value.case === 'tensorType' ? type.value.value.shape?.dim.map(({ value }) => value.value) : undefined,
  );
  expect(shapes).toEqual([
    ['batch', 6n],
    ['batch', 3n],
  ]);
  const used = new Set(file.graph!.node.flatMap(({ input }) => input));
  expect(file.graph!.initializer.filter(({ name }) => !used.has(name))).toEqual([]);
  expect(file.metadataProps.map(({ key, value }) => [key, value])).toEqual([['maker', 'a test']]);
});

test('a graph in which the number of pictures is a number, not a shape, is refused by the name of the operation', () => {
  const averaged = (n: number): Graph => ({ outputs: { y: mul(sum(input('x', [n, 6]), [0]), 1 / n) } });
  expect(() => withFreeBatch(averaged, 'batch')).toThrow(/Mul.*batch/);
  const spread = (n: number): Graph => ({ outputs: { y: add(input('x', [n, 6]), filled(1, [n, 1])) } });
  expect(() => withFreeBatch(spread, 'batch')).toThrow(/Add/);
  const last = (n: number): Graph => ({ outputs: { y: slice(input('x', [n, 6]), 0, n - 1, n) } });
  expect(() => withFreeBatch(last, 'batch')).toThrow(/Slice/);
});
