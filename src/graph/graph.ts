/** @file A computation to compile: named results, and state that stays in the engine from run to run. */
import type { Value } from './value.ts';

/** A quantity that the engine keeps: after each run, `input` (an input value) takes what `next` came to. */
export interface StateValue {
  readonly input: Value;
  readonly next: Value;
}

export interface Graph {
  readonly outputs: Readonly<Record<string, Value>>;
  /** Parameters under training, optimiser moments: by name. */
  readonly state?: Readonly<Record<string, StateValue>>;
}
