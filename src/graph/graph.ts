/** @file A computation to compile: named results, and state that the engine keeps between runs. */
import type { Value } from './value.ts';

/** A value that the engine keeps: after each run, `input` (an input value) takes the result of `next`. */
export interface StateValue {
  readonly input: Value;
  readonly next: Value;
}

export interface Graph {
  readonly outputs: Readonly<Record<string, Value>>;
  /** Parameters under training, optimiser moments: by name. */
  readonly state?: Readonly<Record<string, StateValue>>;
}
