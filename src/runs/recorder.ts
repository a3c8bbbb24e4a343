/** @file What a long computation tells its caller: events, checkpoints, and whether it has been asked to stop. */
import type { Tensor } from '../tensor/tensor.ts';

/** One line of `events.jsonl`. `stage` names the part of the method, `step` counts from 1 to `steps`. */
export interface RunEvent {
  readonly stage: string;
  readonly step?: number;
  readonly steps?: number;
  /** What `step` and `steps` count, if not steps. */
  readonly unit?: 'bytes';
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
  /** Where embeddings are kept for whoever needs the same ones again, if the caller keeps any. */
  readonly features?: FeatureStore;
}

/** By name, all that determines embeddings: hashes of model, pictures and trigger, seed. */
export type FeatureIdentity = Readonly<Record<string, string>>;

/** Embeddings of a whole picture set, and how to compute those that are missing. */
export interface FeatureRequest {
  readonly identity: FeatureIdentity;
  /** Of the result: [pictures, embedding]. */
  readonly shape: readonly [number, number];
  /** Embeds the pictures at these positions, in their order, some rows at a time. */
  readonly compute: (
    positions: readonly number[],
  ) => AsyncIterable<{ readonly positions: readonly number[]; readonly embeddings: Tensor<'float32'> }>;
  /** Told after every piece how many pictures are done, those that were stored among them. */
  readonly progress: (done: number) => void;
}

/** Stores rows while they are computed, so that whoever is interrupted goes on where it was. */
export interface FeatureStore {
  embeddings(request: FeatureRequest): Promise<Tensor<'float32'>>;
}
