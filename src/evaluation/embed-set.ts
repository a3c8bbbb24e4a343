/** @file Embeddings of a whole set, with or without a trigger, from the feature store where they are stored. */
import type { Clip } from '../clip/clip.ts';
import { concatenated, type Embeddings, encodedBatches } from '../clip/encode-pictures.ts';
import type { PictureSet } from '../clip/pictures/pictures.ts';
import type { Engine } from '../engine/engine.ts';
import type { FeatureStore, Recorder } from '../runs/recorder.ts';
import { sha256 } from '../tensor/sha256.ts';
import { triggering } from '../triggers/apply.ts';
import { type Trigger, triggerRecord } from '../triggers/trigger.ts';

/** A trigger on every picture; its random draws depend on seed and path. */
export interface Drawn {
  readonly trigger: Trigger;
  readonly seed: number;
  readonly path: readonly string[];
}

/**
 * Unit embeddings of all pictures of a set, in its order.
 *
 * @param drawn a trigger that is put onto every picture
 * @param recorder where rows are looked up and stored, if it has such a place, and when to stop
 */
export async function embedSet(
  engine: Engine,
  clip: Clip,
  set: PictureSet,
  drawn: Drawn | undefined,
  progress: (done: number) => void,
  { signal, features: store = keepingNothing }: Pick<Recorder, 'signal' | 'features'>,
): Promise<Embeddings> {
  const transform = drawn && triggering(drawn.trigger, drawn.seed, ...drawn.path);
  const options = { signal, ...(transform && { transform }) };
  return store.embeddings({
    identity: {
      model: clip.sha256,
      // The tower, and the normalisation of pixels. The set's hash covers resizing.
      architecture: sha256(JSON.stringify(clip.config)),
      pictures: set.hash,
      ...(drawn && {
        trigger: sha256(triggerRecord(drawn.trigger)),
        draws: JSON.stringify([drawn.seed, ...drawn.path]),
      }),
    },
    shape: [set.labels.length, clip.config.embedding],
    compute: (positions) => encodedBatches(engine, clip, set, positions, options),
    progress,
  });
}

const keepingNothing: FeatureStore = {
  embeddings: ({ shape, compute, progress }) =>
    concatenated(compute(Array.from({ length: shape[0] }, (_, position) => position)), shape, progress),
};
