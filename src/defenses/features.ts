/** @file Embeddings of the shots. They are computed once, because frozen image encoders never change them. */
import { type Embeddings, encodingBatch } from '../clip/encode-pictures.ts';
import type { PictureSet } from '../clip/pictures/pictures.ts';
import { type Drawn, embedSet } from '../evaluation/embed-set.ts';
import type { FeatureStore, Recorder } from '../runs/recorder.ts';
import { float32 } from '../tensor/tensor.ts';
import type { Defender } from './defender.ts';

/** The part of a defender that encodes pictures. */
type Encoder = Pick<Defender, 'engine' | 'clip' | 'recorder'>;

/**
 * Embeddings of all pictures, [pictures, embedding]: from the recorder's feature store, or else from the stage's
 * checkpoint, as far as there is one.
 *
 * @param drawn a trigger that is put onto every picture
 */
export async function cachedFeatures(
  { engine, clip, recorder }: Encoder,
  pictures: PictureSet,
  stage: string,
  drawn?: Drawn,
): Promise<Embeddings> {
  const features = recorder.features ?? inCheckpoints(stage, recorder);
  const progress = (step: number) => recorder.record({ stage, step, steps: pictures.labels.length });
  return embedSet(engine, clip, pictures, drawn, progress, { ...recorder, features });
}

/** The same for pictures that no other run can use: only this run's checkpoint keeps them. */
export function ownFeatures(
  defender: Encoder,
  pictures: PictureSet,
  stage: string,
  drawn?: Drawn,
): Promise<Embeddings> {
  const { features: _, ...own } = defender.recorder;
  return cachedFeatures({ ...defender, recorder: own }, pictures, stage, drawn);
}

/** Pictures between checkpoints. Whole batches, so that a resumed run computes the same digits as an uninterrupted one. */
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
