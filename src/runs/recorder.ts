/** @file What a long computation tells its caller: events, checkpoints, and whether it has been asked to stop. */
import type { Tensor } from '../tensor/tensor.ts';

/** One line of `events.jsonl`. `stage` names the part of the method, `step` counts from 1 to `steps`. */
export interface RunEvent {
  readonly stage: string;
  readonly step?: number;
  readonly steps?: number;
  /** Losses, rates, diagnostics: whatever the stage measures. */
  readonly [measure: string]: number | string | boolean | null | undefined | readonly (number | string)[];
}

export interface Checkpoint {
  /** Steps that are done. */
  readonly step: number;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

/** Handed to every long computation. The computation stays pure of files, terminals and processes. */
export interface Recorder {
  record(event: RunEvent): void;
  /** Durable when the promise resolves; replaces the stage's earlier checkpoint. */
  save(stage: string, checkpoint: Checkpoint): Promise<void>;
  /** The stage's last checkpoint, if an earlier attempt left one. */
  restore(stage: string): Promise<Checkpoint | undefined>;
  /** Aborted when the caller wants to stop: loops check it between steps, save and throw `signal.reason`. */
  readonly signal: AbortSignal;
}
