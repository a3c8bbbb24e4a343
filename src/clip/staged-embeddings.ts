/** @file What an image tower of either kind computes, with the activations on the way. */
import type { Value } from '../graph/value.ts';

export interface StagedEmbeddings {
  /** [n, embedding] */
  readonly embeddings: Value;
  /** Activations after each part of the tower, in order, [n, channels, positions]. */
  readonly stages: readonly Value[];
}
