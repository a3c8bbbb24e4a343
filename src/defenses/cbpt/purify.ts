/** @file CBPT in one sitting: invert dummy triggers, then tune one prompt per class. Encoders stay frozen. */
import type { Clip, Head } from '../../clip/clip.ts';
import type { PictureSet } from '../../clip/pictures/pictures.ts';
import { plainPrompt } from '../../data/classes.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Recorder } from '../../runs/recorder.ts';
import { randomFor } from '../../tensor/random.ts';
import type { Trigger } from '../../triggers/trigger.ts';
import type { Defender } from '../defender.ts';
import { cachedFeatures } from '../features.ts';
import { type SeenShots, seeShots } from '../seen-shots.ts';
import { defaultViews, withViews } from '../views.ts';
import {
  type DummyOptions,
  type Inversion,
  invertForms,
  nothingFound,
  searchDefaults,
} from './inversion/dummy-triggers.ts';
import { concentrationOf } from './inversion/examine.ts';
import { shotsToTrigger, type TriggeredShots } from './inversion/triggered-shots.ts';
import { type Prompts, type TuningOptions, tunePrompts } from './tuning/prompts.ts';

export interface CbptOptions extends DummyOptions {
  readonly tuning: Omit<TuningOptions, 'prompt'>;
  /** Views of each shot that prompts are tuned on, the shot itself included; fewer where shots are many (`views.ts`). */
  readonly views: number;
  /** Hand-written prompts (`SeenShots`). */
  readonly templates: readonly string[];
  /** The prompt that tuning starts from (`TuningOptions`). */
  readonly prompt: string;
}

/** Defaults chosen by measurement: docs/method.md, "Choices". */
export const cbptDefaults: CbptOptions = {
  inversion: searchDefaults.inversion,
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
  views: defaultViews,
  forms: searchDefaults.forms,
  belief: searchDefaults.belief,
  templates: [plainPrompt],
  prompt: plainPrompt,
  seed: 1,
};

export interface Purification extends SeenShots, Inversion {
  readonly head: Head;
  readonly prompts: Prompts;
}

export interface Interventions {
  /** Dummy triggers that replace inversion: for controls (none, random noise, the true trigger). */
  readonly known?: readonly Trigger[];
  /** Gives the steps of tuning once inversion is done, in place of those of the options. */
  readonly tuningSteps?: () => Promise<number>;
}

/**
 * Purifies a CLIP for a closed label set, without knowledge of the trigger or the attacker's target class.
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
  const defender: Defender = { engine, clip, shots, seed: options.seed, recorder };
  const seen = await seeShots(defender, options.templates);
  const found = known ? nothingFound : await invertForms(defender, seen, options);
  const triggered = known ? await shotsWith(defender, known, seen.zeroShot) : found.used;
  const steps = (await tuningSteps?.()) ?? options.tuning.steps;
  const clean = await withViews(defender, seen.clean, options.views);
  const tuning = { ...options.tuning, steps, prompt: options.prompt };
  const prompts = await tunePrompts(defender, { clean, triggered }, seen.zeroShot, tuning);
  return { head: prompts.head, prompts, ...seen, ...found };
}

/** The shots with each of the triggers. */
function shotsWith(defender: Defender, triggers: readonly Trigger[], zeroShot: Head): Promise<TriggeredShots[]> {
  const { shots, seed } = defender;
  return Promise.all(
    triggers.map(async (trigger, i) => {
      const stage = `known-${i}`;
      const { positions, chosen } = shotsToTrigger(shots, randomFor(seed, stage, 'shots'));
      const embeddings = await cachedFeatures(defender, chosen, stage, { trigger, seed, path: [stage] });
      return { positions, embeddings, target: concentrationOf(zeroShot, embeddings, chosen.labels).top };
    }),
  );
}
