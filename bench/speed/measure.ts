/** @file Timing: contestants take turns, so that a slow minute of the machine hits all of them. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Runs once and tells how long it took, in milliseconds. */
export type Turn = () => Promise<number>;

/** Milliseconds before each turn, in which the threads of the last contestant stop spinning. */
const pause = 250;

/** Milliseconds of one call. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/**
 * Lets each contestant run `rounds` times, in turn.
 *
 * @returns what each turn told, by contestant, in order
 */
export async function takeTurns<Name extends string>(
  turns: ReadonlyMap<Name, Turn>,
  rounds: number,
): Promise<ReadonlyMap<Name, readonly number[]>> {
  const times = new Map<Name, number[]>([...turns.keys()].map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, turn] of turns) {
      await sleep(pause);
      times.get(name)!.push(await turn());
    }
  }
  return times;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * Euclidean norm of the difference of two lists of numbers as a share of the norm of the second one, row by row: the
 * median over rows.
 *
 * Not the largest difference: a ReLU whose input is a rounding error away from zero is open in one library and shut in
 * the other, and with it the few pixels' gradients behind it. Against float64, PyTorch's own gradient through a random
 * RN50 is off by 1.8e-3 in one of 8 pictures and by less than 2e-4 in the others, ours by 5e-5 at most.
 */
export function relativeDifference(found: ArrayLike<number>, expected: ArrayLike<number>, rows: number): number {
  if (found.length !== expected.length) return Number.POSITIVE_INFINITY;
  const length = expected.length / rows;
  const differences = Array.from({ length: rows }, (_, row) => {
    let difference = 0;
    let size = 0;
    for (let i = row * length; i < (row + 1) * length; i++) {
      difference += (found[i]! - expected[i]!) ** 2;
      size += expected[i]! ** 2;
    }
    return Math.sqrt(difference / size);
  });
  return differences.some(Number.isNaN) ? Number.NaN : median(differences);
}

/** Largest relative difference at which two sides are said to compute the same. */
const parity = 1e-3;

/**
 * Compares what came out for `rows` pictures or classes.
 * @throws Error if the peer computes something else: then its time says nothing.
 */
export function checkParity(what: string, found: ArrayLike<number>, expected: ArrayLike<number>, rows: number): number {
  const difference = relativeDifference(found, expected, rows);
  if (difference <= parity) return difference;
  throw new Error(`${what} differs from the peer's by ${difference.toExponential(1)}, at most ${parity} is allowed`);
}
