/** @file For tests: a result against a reference in double precision, a gradient against central differences. */
import { expect } from 'vitest';
import { randomFor } from '../tensor/random.ts';
import { elements, float32, type Shape, type Tensor } from '../tensor/tensor.ts';
import { mul } from './elementwise.ts';
import { gradients } from './gradients.ts';
import { input } from './leaves.ts';
import { sum } from './reduction.ts';
import { withProgram } from './run.test-support.ts';
import type { Value } from './value.ts';

/** Numbers in double precision, row-major. */
export interface Reference {
  readonly shape: Shape;
  readonly data: readonly number[];
}

export type Index = readonly number[];

/** Fills a shape element by element. */
export function fill(shape: Shape, at: (index: Index) => number): Reference {
  const indices = shape.reduce<Index[]>(
    (prefixes, size) => prefixes.flatMap((prefix) => Array.from({ length: size }, (_, i) => [...prefix, i])),
    [[]],
  );
  return { shape, data: indices.map(at) };
}

/** The element at `index`, whose last axes are aligned with the tensor's; axes of size 1 are repeated. */
export function at({ shape, data }: Reference, index: Index): number {
  const aligned = index.slice(index.length - shape.length);
  return data[shape.reduce((flat, size, axis) => flat * size + (size === 1 ? 0 : aligned[axis]!), 0)]!;
}

export function total(count: number, term: (i: number) => number): number {
  return Array.from({ length: count }, (_, i) => term(i)).reduce((sum, value) => sum + value, 0);
}

/** Distinct numbers in [low, high], evenly spaced in random order, so that none is near a tie. */
export function spread(shape: Shape, seed: number, low = -2, high = 2): Tensor<'float32'> {
  const count = elements(shape);
  const step = (high - low) / count;
  const numbers = Array.from({ length: count }, (_, i) => low + (i + 0.5) * step);
  return float32(randomFor(seed, 'spread').shuffle(numbers), shape);
}

export interface Check {
  /** Tensors for the inputs; those that are not float32 are not differentiated. */
  readonly inputs: readonly Tensor[];
  readonly build: (...inputs: Value[]) => Value;
  readonly reference?: (...inputs: Reference[]) => Reference;
  /** Share of the largest number by which results may differ. */
  readonly tolerance?: number;
}

/** Step of central differences: the truncation error, h^2, and the rounding error, 1e-7 / h, are both small. */
const STEP = 5e-3;
const DIRECTIONS = 2;

/** Runs an operation and its gradient, and compares both. */
export async function check({ inputs: tensors, build, reference, tolerance = 1e-5 }: Check): Promise<void> {
  const inputs = tensors.map(({ shape, dtype }, i) => input(`x${i}`, shape, dtype as 'float32'));
  const names = tensors.flatMap(({ dtype }, i) => (dtype === 'float32' ? [`x${i}`] : []));
  const y = build(...inputs);
  const cotangent = input('cotangent', y.shape);
  const differentiable = inputs.filter(({ type }) => type === 'float32');
  const slopes = y.type === 'float32' ? gradients(sum(mul(y, cotangent)), differentiable) : [];
  const outputs = Object.fromEntries(slopes.map((slope, i) => [`d${names[i]}`, slope]));
  const random = randomFor(1, 'check');
  const weights = float32(Array.from({ length: elements(y.shape) }, random.normal), y.shape);
  const feeds = { ...Object.fromEntries(tensors.map((tensor, i) => [`x${i}`, tensor])), cotangent: weights };

  await withProgram({ outputs: { y, ...outputs } }, async (run) => {
    const found = await run(feeds);
    expect(found.y!.shape).toEqual(y.shape);
    if (reference) {
      const expected = reference(...tensors.map(({ shape, data }) => ({ shape, data: Array.from(data, Number) })));
      expect(expected.shape).toEqual(y.shape);
      expectClose(Array.from(found.y!.data, Number), expected.data, tolerance);
    }
    for (const name of Object.keys(outputs).map((output) => output.slice(1))) {
      const tensor = feeds[name as keyof typeof feeds] as Tensor<'float32'>;
      const slope = found[`d${name}`]!;
      expect(slope.shape).toEqual(tensor.shape);
      for (let i = 0; i < DIRECTIONS; i++) {
        const direction = Float64Array.from(tensor.data, () => 2 * random.uniform() - 1);
        const moved = async (step: number): Promise<number> => {
          const shifted = { ...tensor, data: tensor.data.map((number, j) => number + step * direction[j]!) };
          const result = (await run({ ...feeds, [name]: shifted })).y!;
          return total(weights.data.length, (j) => weights.data[j]! * Number(result.data[j]));
        };
        const difference = ((await moved(STEP)) - (await moved(-STEP))) / (2 * STEP);
        const predicted = total(direction.length, (j) => direction[j]! * Number(slope.data[j]));
        const size = Math.hypot(...Array.from(slope.data, Number)) * Math.sqrt(1 / 3);
        expect(Math.abs(predicted - difference), `d${name}: ${predicted} against ${difference}`).toBeLessThan(
          2e-3 * size + 1e-3,
        );
      }
    }
  });
}

/** Every number within `tolerance` of the largest expected one. */
export function expectClose(found: readonly number[], expected: readonly number[], tolerance: number): void {
  expect(found.length).toBe(expected.length);
  const largest = Math.max(0.1, ...expected.map(Math.abs));
  const worst = Math.max(0, ...found.map((number, i) => Math.abs(number - expected[i]!)));
  expect(worst / largest, `found ${found.slice(0, 8)}, expected ${expected.slice(0, 8)}`).toBeLessThan(tolerance);
}
