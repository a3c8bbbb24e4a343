/** @file What an image tower computes, with what it passes on its way. */
import type { Value } from '../graph/value.ts';

/** What an image tower computes. */
export interface StagedEmbeddings {
  /** [n, embedding] */
  readonly embeddings: Value;
  /** Activations after each part of the tower, in order, [n, channels, places]. */
  readonly stages: readonly Value[];
}
