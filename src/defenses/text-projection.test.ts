import { expect, test } from 'vitest';
import type { Head } from '../clip/clip.ts';
import { float32 } from '../tensor/tensor.ts';
import type { DummyTrigger } from './cbpt/inversion/examine.ts';
import { projected } from './text-projection.ts';

const zeroShot: Head = {
  classes: ['apple', 'banana'],
  embeddings: Float32Array.of(1, 0, 0, 0.6, 0.8, 0),
  embedding: 3,
  scale: 10,
};
const clean = float32([1, 0, 0, 0, 0, 1], [2, 3]);

/** A dummy trigger that moves every shot by `shift`. */
function dummy(dominant: string, shift: readonly number[]): DummyTrigger {
  return {
    name: 'sparse',
    form: 'sparse',
    trigger: { kind: 'noise-patch', side: 1, placement: 'random' },
    positions: [0, 1],
    embeddings: float32(
      clean.data.map((value, i) => value + shift[i % 3]!),
      [2, 3],
    ),
    concentration: 1,
    target: zeroShot.classes.indexOf(dominant),
    dominant,
    shares: [],
    size: 0.1,
  };
}

const rowOf = (head: Head, row: number) => [...head.embeddings.subarray(3 * row, 3 * row + 3)];

test('a move along the direction no longer changes the cosine with the suspected class', () => {
  const head = projected({ zeroShot, clean, used: [dummy('banana', [0, 0.5, 0])] }, 1);
  expect(rowOf(head, 1)).toEqual([1, 0, 0]);
  expect(rowOf(head, 0)).toEqual(rowOf(zeroShot, 0));
  expect(zeroShot.embeddings[4]).toBeCloseTo(0.8, 6);
});

test('half of the component is removed when half is asked for, and the length is one again', () => {
  const [x, y] = rowOf(projected({ zeroShot, clean, used: [dummy('banana', [0, 2, 0])] }, 0.5), 1);
  expect(x! / y!).toBeCloseTo(0.6 / 0.4, 5);
  expect(Math.hypot(x!, y!)).toBeCloseTo(1, 6);
});

test('two triggers of one class are removed together, also where their directions hardly differ', () => {
  const used = [dummy('banana', [0, 1, 0.2]), dummy('banana', [0, 1, 0.3])];
  const row = rowOf(projected({ zeroShot, clean, used }, 1), 1);
  expect(row[0]).toBeCloseTo(1, 6);
  expect(Math.hypot(row[1]!, row[2]!)).toBeLessThan(1e-5);
  const twice = projected({ zeroShot, clean, used: [used[0]!, used[0]!] }, 1);
  const once = projected({ zeroShot, clean, used: [used[0]!] }, 1);
  rowOf(twice, 1).forEach((value, i) => {
    expect(value).toBeCloseTo(rowOf(once, 1)[i]!, 6);
  });
});

test('without a believed trigger the head stays what it was', () => {
  expect(projected({ zeroShot, clean, used: [] }, 1).embeddings).toEqual(zeroShot.embeddings);
});
