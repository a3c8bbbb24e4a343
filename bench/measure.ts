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

/** Largest difference between two lists of numbers, as a share of the largest of the second one. */
export function relativeDifference(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < found.length; i++) {
    // Not Math.max(a, b) the other way round: a NaN has to stay one.
    difference = Math.max(difference, Math.abs(found[i]! - expected[i]!));
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return difference / largest;
}

/** Largest relative difference at which two sides are said to compute the same. */
const parity = 1e-3;

/** @throws Error if the peer computes something else: then its time says nothing. */
export function checkParity(what: string, found: ArrayLike<number>, expected: ArrayLike<number>): number {
  const difference = relativeDifference(found, expected);
  if (difference <= parity) return difference;
  throw new Error(`${what} differs from the peer's by ${difference.toExponential(1)}, at most ${parity} is allowed`);
}
