/** @file What a model says of the shots before anything is done to either: the start of both stages. */
import type { Clip, Head } from '../../clip/clip.ts';
import type { Embeddings } from '../../clip/encode-pictures.ts';
import type { PictureSet } from '../../clip/pictures/pictures.ts';
import { firstClasses, logitScale, zeroShotHead } from '../../clip/zero-shot.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Recorder } from '../../runs/recorder.ts';
import { float32 } from '../../tensor/tensor.ts';
import { cachedFeatures } from '../features.ts';
import { crowdOf } from './crowd.ts';

export interface SeenShots {
  /** The head of hand-written prompts: the anchor of learned prompts. */
  readonly zeroShot: Head;
  /** Embeddings of the shots as they are, [shots, embedding]. */
  readonly clean: Embeddings;
}

export interface SeenInCrowd extends SeenShots {
  /** The same classes first and, where they are few, others behind them (`crowd.ts`): what inversion is measured against. */
  readonly crowd: Head;
}

/** Encodes the shots and the classes' hand-written prompts. */
export async function seeShots(
  engine: Engine,
  clip: Clip,
  shots: PictureSet,
  templates: readonly string[],
  recorder: Recorder,
): Promise<SeenInCrowd> {
  const crowd = await handWrittenHead(engine, clip, await crowdOf(clip, shots.classes, templates), templates, recorder);
  const zeroShot = firstClasses(crowd, shots.classes.length);
  return { zeroShot, crowd, clean: await cachedFeatures(engine, clip, shots, 'features', recorder) };
}

/** The zero-shot head, from the run's checkpoint where there is one: ImageNet's prompts are 80,000 texts. */
async function handWrittenHead(
  engine: Engine,
  clip: Clip,
  classes: readonly string[],
  templates: readonly string[],
  recorder: Recorder,
): Promise<Head> {
  const kept = (await recorder.restore('prompts'))?.tensors.embeddings;
  if (kept) {
    const embeddings = kept.data as Float32Array;
    return { classes, embeddings, embedding: clip.config.embedding, scale: await logitScale(clip) };
  }
  const steps = classes.length * templates.length;
  const head = await zeroShotHead(engine, clip, classes, templates, {
    progress: (step) => recorder.record({ stage: 'prompts', step, steps }),
    signal: recorder.signal,
  });
  const embeddings = float32(head.embeddings, [classes.length, head.embedding]);
  await recorder.save('prompts', { step: steps, tensors: { embeddings } });
  return head;
}
