/** @file Random numbers determined by a seed and a path: the same on every machine and after a resume. */
import { createHash } from 'node:crypto';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

/** A stream of random numbers. Drawing changes it: two streams of the same seed and path give the same numbers. */
export interface Random {
  /** Uniform in [0, 1), in steps of 2^-32. */
  uniform(): number;
  /** Standard normal: mean 0, variance 1. */
  normal(): number;
  /** Uniform among 0, 1, ..., `below` - 1, without bias; `below` is a whole number from 1 to 2^32. */
  integer(below: number): number;
  /** A new array with the same items, every order equally likely (Fisher and Yates). */
  shuffle<T>(items: readonly T[]): T[];
}

const STEP = 2 ** -32;

/**
 * The generator of (seed, path), independent of the generators of all other seeds and paths.
 *
 * The 128-bit state comes from SHA-256 of both, so the order of calls does not matter and no state is stored:
 * `randomFor(7, 'augment', step)` starts step 1000 as an uninterrupted run would. The number 7 and the string '7' are
 * different paths.
 */
export function randomFor(seed: number, ...path: readonly (string | number)[]): Random {
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, ...path]))
    .digest();
  const generator = xoroshiro128plusFromState([0, 4, 8, 12].map((offset) => digest.readInt32LE(offset)));
  let spare: number | undefined;

  const uniform = () => (generator.next() >>> 0) * STEP;

  // Marsaglia's polar form of Box and Muller needs only a logarithm and a square root, so the numbers do not depend on
  // how a version of V8 computes sines.
  const normal = () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    for (;;) {
      const u = generator.next() * 2 * STEP;
      const v = generator.next() * 2 * STEP;
      const square = u * u + v * v;
      if (square < 1 && square > 0) {
        const scale = Math.sqrt((-2 * Math.log(square)) / square);
        spare = v * scale;
        return u * scale;
      }
    }
  };

  const integer = (below: number) => {
    if (!(Number.isInteger(below) && below >= 1 && below <= 2 ** 32)) {
      throw new RangeError(`integer(below): found ${below}, expected a whole number from 1 to 2^32`);
    }
    return uniformInt(generator, 0, below - 1);
  };

  const shuffle = <T>(items: readonly T[]): T[] => {
    const order = items.slice();
    for (let last = order.length - 1; last > 0; last--) {
      const other = integer(last + 1);
      const item = order[last] as T;
      order[last] = order[other] as T;
      order[other] = item;
    }
    return order;
  };

  return { uniform, normal, integer, shuffle };
}
