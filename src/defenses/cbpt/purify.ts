/** @file CBPT in one sitting: invert dummy triggers, then tune one prompt per class. Encoders stay frozen. */
import type { Clip, Head } from '../../clip/clip.ts';
import type { Embeddings } from '../../clip/encode.ts';
import { logitScale, zeroShotHead } from '../../clip/zero-shot.ts';
import { plainPrompt } from '../../data/classes.ts';
import type { PictureSet } from '../../data/pictures.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Recorder } from '../../runs/recorder.ts';
import { randomFor } from '../../tensor/random.ts';
import { float32 } from '../../tensor/tensor.ts';
import type { Trigger } from '../../triggers/trigger.ts';
import { cachedFeatures } from '../features.ts';
import { affordable, type Form, named } from './forms.ts';
import { type DummyTrigger, type InversionOptions, invertTrigger } from './inversion.ts';
import { type Prompts, type TuningOptions, tunePrompts } from './prompts.ts';
import { shotsToTrigger } from './triggered-shots.ts';

export interface CbptOptions {
  readonly inversion: InversionOptions;
  readonly tuning: Omit<TuningOptions, 'prompt'>;
  /** Forms that are inverted side by side; one that is listed twice is inverted from two starts. */
  readonly forms: readonly Form[];
  /** A dummy trigger is used only if it sends at least this share of the shots to one class; in [0, 1]. */
  readonly concentration: number;
  /** Hand-written prompts: anchor of the learned ones, and what inversion is measured against. */
  readonly templates: readonly string[];
  /** The prompt that tuning starts from (`TuningOptions`). */
  readonly prompt: string;
  readonly seed: number;
}

/** Defaults chosen by measurement: docs/method.md, "Choices". */
export const cbptDefaults: CbptOptions = {
  inversion: {
    variant: 'collapse',
    steps: 100,
    batch: 64,
    rate: 0.1,
    additiveRate: 0.01,
    bound: 12 / 255,
    window: 0.25,
    temperature: 0.1,
    alpha: 0.1,
    sparsity: 20,
    waveRate: 0.02,
    waveSparsity: 1,
    waveConcentration: 0.93,
    saveEvery: 40,
  },
  tuning: {
    steps: 200,
    rate: 0.066,
    warmup: 1,
    batch: 4096,
    contexts: 'class-wise',
    cleanWeight: 1,
    triggeredWeight: 1,
    anchorWeight: 1,
    saveEvery: 50,
  },
  forms: ['sparse', 'sparse', 'patch'],
  concentration: 0.5,
  templates: [plainPrompt],
  prompt: plainPrompt,
  seed: 1,
};

/** What the model says of the shots, and what stage 1 found in it. */
export interface Inversion {
  /** What the poisoned model says with hand-written prompts. */
  readonly zeroShot: Head;
  /** Embeddings of the shots as they are. */
  readonly clean: Embeddings;
  /** All dummy triggers that were found, also those that were not used. */
  readonly dummies: readonly DummyTrigger[];
  /** Those that are concentrated enough to be believed: what tuning is given. */
  readonly used: readonly DummyTrigger[];
}

export interface Purification extends Inversion {
  readonly head: Head;
  readonly prompts: Prompts;
}

/**
 * Purifies a CLIP for a closed label set. Nothing is known of the trigger or of the attacker's class.
 *
 * @param shots a few labelled clean pictures of every class
 * @param known dummy triggers to use instead of inverting any: for controls (none, random noise, the true trigger)
 */
export async function purify(
  engine: Engine,
  clip: Clip,
  shots: PictureSet,
  options: CbptOptions,
  recorder: Recorder,
  known?: readonly Trigger[],
): Promise<Purification> {
  const { seed } = options;
  const forms = known ? [] : options.forms;
  const inversion = await invertForms(engine, clip, shots, { ...options, forms }, recorder);
  const { zeroShot, clean, used } = inversion;
  const triggered = known
    ? await Promise.all(
        known.map(async (trigger, i) => {
          const stage = `known-${i}`;
          const { positions, chosen } = shotsToTrigger(shots, randomFor(seed, stage, 'shots'));
          return { positions, embeddings: await cachedFeatures(engine, clip, chosen, stage, recorder, trigger, seed) };
        }),
      )
    : used;
  const features = { clean, triggered, labels: shots.labels };
  const tuning = { ...options.tuning, prompt: options.prompt };
  const prompts = await tunePrompts(engine, clip, features, zeroShot, tuning, seed, recorder);
  return { head: prompts.head, prompts, ...inversion };
}

/** Stage 1 alone: a dummy trigger of every form, and which of them are believed. */
export async function invertForms(
  engine: Engine,
  clip: Clip,
  shots: PictureSet,
  { forms, inversion, concentration, templates, seed }: Omit<CbptOptions, 'tuning' | 'prompt'>,
  recorder: Recorder,
): Promise<Inversion> {
  const zeroShot = await handWrittenHead(engine, clip, shots.classes, templates, recorder);
  const clean = await cachedFeatures(engine, clip, shots, 'features', recorder);
  const dummies: DummyTrigger[] = [];
  const inverted = affordable(forms, shots.classes.length);
  if (inverted.length < forms.length) {
    recorder.record({ stage: 'invert-wave-result', leftOut: `no race between ${shots.classes.length} classes` });
  }
  for (const dummy of named(inverted)) {
    const given = { shots, clean, head: zeroShot };
    dummies.push(await invertTrigger(engine, clip, given, dummy, inversion, seed, recorder));
  }
  const used = dummies.filter((dummy) => believed(dummy, concentration, inversion.waveConcentration));
  return { zeroShot, clean, dummies, used };
}

/** Whether a dummy trigger is a backdoor's: concentrated, and more so where it was optimised towards one class. */
export function believed(
  { form, concentration }: Pick<DummyTrigger, 'form' | 'concentration'>,
  least: number,
  leastOfWaves: number,
): boolean {
  return concentration >= (form === 'wave' ? leastOfWaves : least);
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
