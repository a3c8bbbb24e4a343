/** @file The recorder of a long computation: its events, its checkpoints, and the caller's signal to stop. */
import type { Tensor } from '../tensor/tensor.ts';

/** One line of `events.jsonl`. `stage` names the part of the method, `step` counts from 1 to `steps`. */
export interface RunEvent {
  readonly stage: string;
  readonly step?: number;
  readonly steps?: number;
  /** The unit of `step` and `steps`, if not steps. */
  readonly unit?: 'bytes';
  /** Losses, rates, diagnostics: anything that the stage measures. */
  readonly [measure: string]: number | string | boolean | null | undefined | readonly (number | string)[];
}

export interface Checkpoint {
  /** Steps that are done. */
  readonly step: number;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

/** Every long computation gets one, and so needs no files, terminals and processes itself. */
export interface Recorder {
  record(event: RunEvent): void;
  /** Durable when the promise resolves; replaces the stage's earlier checkpoint. */
  save(stage: string, checkpoint: Checkpoint): Promise<void>;
  /** The stage's last checkpoint, if an earlier attempt left one. */
  restore(stage: string): Promise<Checkpoint | undefined>;
  /** Aborted when the caller wants to stop: loops check it between steps, save and throw `signal.reason`. */
  readonly signal: AbortSignal;
  /** A store of embeddings for reuse, if the caller keeps any. */
  readonly features?: FeatureStore;
}

/** By name, everything that determines embeddings: hashes of model, pictures and trigger, seed. */
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
  /** Called after every chunk with the number of pictures done, stored ones included. */
  readonly progress: (done: number) => void;
}

/** Stores rows while they are computed, so that an interrupted computation continues where it stopped. */
export interface FeatureStore {
  embeddings(request: FeatureRequest): Promise<Tensor<'float32'>>;
}

/** A recorder for computations outside a run: it keeps no checkpoints and never stops them. `record` gets every event. */
export function unrecorded(record: (event: RunEvent) => void = () => {}): Recorder {
  return { record, save: async () => {}, restore: async () => undefined, signal: new AbortController().signal };
}
