/** @file CBPT in one sitting: invert dummy triggers, then tune one prompt per class. Encoders stay frozen. */
import type { Clip, Head } from '../../clip/clip.ts';
import type { PictureSet } from '../../clip/pictures/pictures.ts';
import { plainPrompt } from '../../data/classes.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Recorder } from '../../runs/recorder.ts';
import { randomFor } from '../../tensor/random.ts';
import type { Trigger } from '../../triggers/trigger.ts';
import { cachedFeatures } from '../features.ts';
import { type DummyOptions, type Inversion, invertForms, nothingFound } from './inversion/dummy-triggers.ts';
import { flock } from './inversion/examine.ts';
import { shotsToTrigger, type TriggeredShots } from './inversion/triggered-shots.ts';
import { type SeenShots, seeShots } from './seen-shots.ts';
import { type Prompts, type TuningOptions, tunePrompts } from './tuning/prompts.ts';
import { withViews } from './tuning/views.ts';

export interface CbptOptions extends DummyOptions {
  readonly tuning: Omit<TuningOptions, 'prompt'>;
  /** Views of each shot that prompts are tuned on, itself among them; fewer where shots are many (`tuning/views.ts`). */
  readonly views: number;
  /** Hand-written prompts (`SeenShots`). */
  readonly templates: readonly string[];
  /** The prompt that tuning starts from (`TuningOptions`). */
  readonly prompt: string;
}

/** Defaults chosen by measurement: docs/method.md, "Choices". */
export const cbptDefaults: CbptOptions = {
  inversion: {
    variant: 'collapse',
    steps: 100,
    batch: 32,
    patchBatch: 64,
    rate: 0.1,
    additiveRate: 0.01,
    bound: 12 / 255,
    window: 0.25,
    patchRate: 0.1,
    heatWindow: 0.375,
    heatRate: 0.2,
    temperature: 0.1,
    alpha: 0.1,
    sparsity: 20,
    saveEvery: 40,
  },
  tuning: {
    steps: 200,
    travel: 13.2,
    warmup: 1,
    batch: 4096,
    contexts: 'class-wise',
    cleanWeight: 1,
    triggeredWeight: 0.5,
    anchorWeight: 1,
    margin: 2,
    saveEvery: 50,
  },
  views: 4,
  forms: ['sparse', 'sparse', 'patch', 'waves', 'blend', 'elsewhere'],
  belief: { additive: 0.85, sparse: 0.85, patch: 0.85, waves: 0.75, blend: 0.75, elsewhere: 0.9 },
  templates: [plainPrompt],
  prompt: plainPrompt,
  seed: 1,
};

export interface Purification extends SeenShots, Inversion {
  readonly head: Head;
  readonly prompts: Prompts;
}

export interface Interventions {
  /** Dummy triggers to use instead of inverting any: for controls (none, random noise, the true trigger). */
  readonly known?: readonly Trigger[];
  /** Asked for the steps of tuning when inversion is done, in place of those of the options. */
  readonly tuningSteps?: () => Promise<number>;
}

/**
 * Purifies a CLIP for a closed label set. Nothing is known of the trigger or of the attacker's class.
 *
 * @param shots a few labelled clean pictures of every class
 */
export async function purify(
  engine: Engine,
  clip: Clip,
  shots: PictureSet,
  options: CbptOptions,
  recorder: Recorder,
  { known, tuningSteps }: Interventions = {},
): Promise<Purification> {
  const { seed, prompt } = options;
  const seen = await seeShots(engine, clip, shots, options.templates, recorder);
  const found = known ? nothingFound : await invertForms(engine, clip, shots, seen, options, recorder);
  const triggered = known ? await wearing(engine, clip, shots, seen, known, seed, recorder) : found.used;
  const steps = (await tuningSteps?.()) ?? options.tuning.steps;
  const { features, labels } = await withViews(engine, clip, shots, seen.clean, options.views, seed, recorder);
  const tuning = { ...options.tuning, steps, prompt };
  const tunedOn = { clean: features, labels, triggered };
  const prompts = await tunePrompts(engine, clip, tunedOn, seen.zeroShot, tuning, seed, recorder);
  return { head: prompts.head, prompts, ...seen, ...found };
}

/** The shots with each of the triggers. */
function wearing(
  engine: Engine,
  clip: Clip,
  shots: PictureSet,
  { zeroShot }: SeenShots,
  triggers: readonly Trigger[],
  seed: number,
  recorder: Recorder,
): Promise<TriggeredShots[]> {
  return Promise.all(
    triggers.map(async (trigger, i) => {
      const stage = `known-${i}`;
      const { positions, chosen } = shotsToTrigger(shots, randomFor(seed, stage, 'shots'));
      const drawn = { trigger, seed, path: [stage] };
      const embeddings = await cachedFeatures(engine, clip, chosen, stage, recorder, drawn);
      return { positions, embeddings, target: flock(zeroShot, embeddings, chosen.labels).top };
    }),
  );
}
