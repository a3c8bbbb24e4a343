/** @file Embeddings of the shots, computed once: where the image encoder is frozen they never change. */
import type { Clip } from '../clip/clip.ts';
import { type Embeddings, encodingBatch } from '../clip/encode-pictures.ts';
import type { PictureSet } from '../clip/pictures/pictures.ts';
import type { Engine } from '../engine/engine.ts';
import { type Drawn, embedSet } from '../evaluation/embed-set.ts';
import type { FeatureStore, Recorder } from '../runs/recorder.ts';
import { float32 } from '../tensor/tensor.ts';

/**
 * Embeddings of all shots, [shots, embedding]: those that the recorder keeps for others as well, or else from the stage's
 * checkpoint as far as there is one.
 *
 * @param drawn a trigger that is put onto every shot
 */
export async function cachedFeatures(
  engine: Engine,
  clip: Clip,
  shots: PictureSet,
  stage: string,
  recorder: Recorder,
  drawn?: Drawn,
): Promise<Embeddings> {
  const features = recorder.features ?? inCheckpoints(stage, recorder);
  const progress = (step: number) => recorder.record({ stage, step, steps: shots.labels.length });
  return embedSet(engine, clip, shots, drawn, progress, { ...recorder, features });
}

/** The same of pictures that mean nothing to anybody but this run: kept in its checkpoint alone. */
export function ownFeatures(
  engine: Engine,
  clip: Clip,
  shots: PictureSet,
  stage: string,
  { features: _, ...own }: Recorder,
  drawn?: Drawn,
): Promise<Embeddings> {
  return cachedFeatures(engine, clip, shots, stage, own, drawn);
}

/** Pictures between checkpoints. Whole batches, so that a resumed run computes the digits of an uninterrupted one. */
const saveEvery = 32 * encodingBatch;

/** Keeps the rows so far as the stage's checkpoint. */
function inCheckpoints(stage: string, recorder: Recorder): FeatureStore {
  return {
    async embeddings({ shape, compute, progress }) {
      const [count, embedding] = shape;
      const earlier = await recorder.restore(stage);
      const kept = earlier?.tensors.embeddings;
      const data = new Float32Array(count * embedding);
      let done = earlier?.step ?? 0;
      if (kept) data.set(kept.data as Float32Array);
      const save = () =>
        recorder.save(stage, {
          step: done,
          tensors: { embeddings: float32(data.subarray(0, done * embedding), [done, embedding]) },
        });
      const missing = Array.from({ length: count - done }, (_, i) => done + i);
      try {
        for await (const { positions, embeddings } of compute(missing)) {
          data.set(embeddings.data, done * embedding);
          done += positions.length;
          progress(done);
          if (done === count || done % saveEvery === 0) await save();
        }
      } catch (error) {
        if (recorder.signal.aborted) await save();
        throw error;
      }
      return float32(data, shape);
    },
  };
}
