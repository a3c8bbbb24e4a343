/** @file Embeddings of the shots, computed once: where the image encoder is frozen they never change. */
import type { Clip } from '../clip/clip.ts';
import { type Embeddings, encodePictures } from '../clip/encode.ts';
import type { PictureSet } from '../data/pictures.ts';
import type { Engine } from '../engine/engine.ts';
import type { Recorder } from '../runs/recorder.ts';
import { triggering } from '../triggers/transform.ts';
import type { Trigger } from '../triggers/trigger.ts';

/**
 * Embeddings of all shots, [shots, embedding], from the stage's checkpoint where there is one.
 *
 * @param trigger put onto every shot, with what it draws taken from `seed`
 */
export async function cachedFeatures(
  engine: Engine,
  clip: Clip,
  shots: PictureSet,
  stage: string,
  recorder: Recorder,
  trigger?: Trigger,
  seed = 0,
): Promise<Embeddings> {
  const earlier = await recorder.restore(stage);
  if (earlier) return earlier.tensors.embeddings as Embeddings;
  const embeddings = await encodePictures(engine, clip, shots, {
    ...(trigger && { transform: triggering(trigger, seed, stage) }),
    progress: (done) => recorder.record({ stage, step: done, steps: shots.labels.length }),
    signal: recorder.signal,
  });
  await recorder.save(stage, { step: shots.labels.length, tensors: { embeddings } });
  return embeddings;
}
