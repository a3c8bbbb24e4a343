/** @file Embeddings of the shots and of the class names by the unchanged model: the start of both stages. */
import type { Head } from '../clip/clip.ts';
import type { Embeddings } from '../clip/encode-pictures.ts';
import { firstClasses, logitScale, zeroShotHead } from '../clip/zero-shot.ts';
import { float32 } from '../tensor/tensor.ts';
import { crowdOf, withoutTwins } from './crowd.ts';
import type { Defender } from './defender.ts';
import { cachedFeatures } from './features.ts';

export interface SeenShots {
  /** The head of hand-written prompts: the anchor of learned prompts. */
  readonly zeroShot: Head;
  /** Embeddings of the unchanged shots, [shots, embedding]. */
  readonly clean: Embeddings;
}

export interface SeenInCrowd extends SeenShots {
  /** The same classes and, where they are few, other ones after them (`crowd.ts`). Inversion classifies with this head. */
  readonly crowd: Head;
}

/** Encodes the shots and the hand-written prompts of the classes. */
export async function seeShots(defender: Defender, templates: readonly string[]): Promise<SeenInCrowd> {
  const { clip, shots } = defender;
  const own = shots.classes.length;
  const crowd = await withoutTwins(
    await handWrittenHead(defender, await crowdOf(clip, shots.classes, templates), templates),
    own,
  );
  const zeroShot = firstClasses(crowd, own);
  return { zeroShot, crowd, clean: await cachedFeatures(defender, shots, 'features') };
}

/** The zero-shot head, from the run's checkpoint where there is one: ImageNet's prompts are 80,000 texts. */
async function handWrittenHead(
  { engine, clip, recorder }: Defender,
  classes: readonly string[],
  templates: readonly string[],
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
