import { expect, test } from 'vitest';
import { openSafetensors, readTensor } from '../tensor/safetensors.ts';
import { float32, type Tensor } from '../tensor/tensor.ts';
import { expectClose } from './check.test-support.ts';
import { crossEntropy, gelu, l2Normalize, logSoftmax } from './composites.ts';
import { averagePool2d, conv2d } from './convolution.ts';
import { add, clip, mul, relu, silu, where } from './elementwise.ts';
import { gradients } from './gradients.ts';
import { gatherRows } from './indexing.ts';
import { transposeLast } from './layout.ts';
import { constant, input } from './leaves.ts';
import { linear, matMul } from './linear-algebra.ts';
import { batchNorm, batchNormTraining, layerNorm } from './normalization.ts';
import { softmax, sum } from './reduction.ts';
import { runForTests } from './run.test-support.ts';
import type { Value } from './value.ts';

/** Rows of the identity: the targets of a contrastive loss. */
function identity(size: number): Value {
  return constant(
    float32(
      Array.from({ length: size ** 2 }, (_, i) => Number(i % (size + 1) === 0)),
      [size, size],
    ),
  );
}

/** Position j is seen from position i if j <= i. */
function causalAttention(q: Value, k: Value, v: Value): Value {
  const [length = 0, width = 0] = q.shape.slice(-2);
  const seen = Uint8Array.from({ length: length ** 2 }, (_, i) => Number(i % length <= Math.floor(i / length)));
  const scores = mul(matMul(q, transposeLast(k)), 1 / Math.sqrt(width));
  const mask = constant({ dtype: 'bool', shape: [length, length], data: seen });
  return matMul(softmax(where(mask, scores, -1e9)), v);
}

/** The same functions as in `test/fixtures/graph/make.py`. */
const cases: Record<string, (...x: [Value, Value, Value, Value, Value, Value, Value]) => Value> = {
  conv3x3: (x, w) => conv2d(x, w, { padding: 1 }),
  'conv-stride2': (x, w) => conv2d(x, w, { stride: 2, padding: 1 }),
  conv1x1: (x, w) => conv2d(x, w),
  'conv-patches': (x, w) => conv2d(x, w, { stride: 4 }),
  'average-pool': (x) => averagePool2d(x, 2),
  'layer-norm': (x, scale, shift) => layerNorm(x, scale, shift),
  'batch-norm': (x, scale, shift, mean, variance) => batchNorm(x, scale, shift, mean, variance),
  'batch-norm-training': (x, scale, shift) => batchNormTraining(x, scale, shift).y,
  linear: (x, w, bias) => linear(x, w, bias),
  matmul: (a, b) => matMul(a, b),
  softmax: (x) => softmax(x),
  'log-softmax': (x) => logSoftmax(x),
  gelu: (x) => gelu(x),
  // As in clip/transformer.ts: PyTorch's x * sigmoid(1.702 x).
  'quick-gelu': (x) => mul(silu(mul(x, 1.702)), 1 / 1.702),
  'l2-normalize': (x) => l2Normalize(x),
  'cross-entropy': (logits, targets) => crossEntropy(logits, targets),
  embedding: (table, indices) => gatherRows(table, indices),
  clip: (x) => clip(x, -0.5, 1),
  attention: (q, k, v) => causalAttention(q, k, v),
  block: (x, scale, shift, w1, b1, w2, b2) => add(x, linear(gelu(linear(layerNorm(x, scale, shift), w1, b1)), w2, b2)),
  bottleneck: (x, w1, s1, t1, w2, s2, t2) => {
    const y = averagePool2d(relu(batchNormTraining(conv2d(x, w1), s1, t1).y), 2);
    return relu(batchNormTraining(conv2d(y, w2, { padding: 1 }), s2, t2).y);
  },
  'info-nce': (images, texts, scale) => {
    const logits = mul(scale, linear(l2Normalize(images), l2Normalize(texts)));
    const target = identity(images.shape[0]!);
    return mul(add(crossEntropy(logits, target), crossEntropy(transposeLast(logits), target)), 0.5);
  },
};

const fixtures = await openSafetensors('test/fixtures/graph/operations.safetensors');

async function tensorsOf(name: string): Promise<Record<string, Tensor>> {
  const stored = [...fixtures.tensors].filter(([key]) => key.startsWith(`${name}/`));
  return Object.fromEntries(
    await Promise.all(
      stored.map(async ([key, tensor]) => [key.slice(name.length + 1), await readTensor(tensor)] as const),
    ),
  );
}

test('every case of the fixtures is compared', () => {
  const names = new Set([...fixtures.tensors.keys()].map((key) => key.split('/')[0]!));
  expect(Object.keys(cases).toSorted()).toEqual([...names].toSorted());
});

test.each(Object.keys(cases))('%s: result and gradients agree with PyTorch', async (name) => {
  const expected = await tensorsOf(name);
  const names = Object.keys(expected)
    .filter((key) => /^x\d/.test(key))
    .toSorted();
  const inputs = names.map((key) => input(key, expected[key]!.shape, expected[key]!.dtype as 'float32'));
  const y = cases[name]!(...(inputs as Parameters<(typeof cases)[string]>));
  const slopes = gradients(
    sum(mul(y, input('cotangent', y.shape))),
    inputs.filter(({ type }) => type === 'float32'),
  );
  const slopeNames = names.filter((key) => `d${key}` in expected).map((key) => `d${key}`);
  const outputs = Object.fromEntries(slopeNames.map((key, i) => [key, slopes[i]!]));
  const found = await runForTests({ outputs: { y, ...outputs } }, expected);
  for (const key of ['y', ...slopeNames]) {
    expect(found[key]!.shape, key).toEqual(expected[key]!.shape);
    expectClose(Array.from(found[key]!.data, Number), Array.from(expected[key]!.data, Number), 2e-5);
  }
});
