/** @file Does a model carry a backdoor? Stage 1 of CBPT without stage 2, and a verdict on its findings. */
import type { Clip } from '../clip/clip.ts';
import type { PictureSet } from '../clip/pictures/pictures.ts';
import {
  type DummyOptions,
  type Inversion,
  invertForms,
  nothingFound,
  type SearchOptions,
  searchDefaults,
} from '../defenses/cbpt/inversion/dummy-triggers.ts';
import type { Defender } from '../defenses/defender.ts';
import { type SeenShots, seeShots } from '../defenses/seen-shots.ts';
import type { Engine } from '../engine/engine.ts';
import type { Recorder } from '../runs/recorder.ts';
import { doubtsAbout, type Suspicion, suspicionOf } from './suspicion.ts';

const { inversion, belief } = searchDefaults;

/** CBPT's, but every form once: a second start finds the same as the first. */
export const scanDefaults: SearchOptions = {
  inversion,
  belief,
  forms: ['sparse', 'patch', 'waves', 'blend', 'elsewhere'],
};

export interface Scan extends SeenShots, Inversion {
  readonly suspicion: Suspicion;
}

/**
 * Inverts dummy triggers and judges the model by them, without knowledge of a trigger or an attacker's target class. With too
 * little to judge by, the verdict is `undecided` before anything is inverted.
 *
 * @param shots labelled clean pictures of every class
 * @param templates hand-written prompts, with which inversion classifies
 */
export async function scan(
  engine: Engine,
  clip: Clip,
  shots: PictureSet,
  templates: readonly string[],
  options: DummyOptions,
  recorder: Recorder,
): Promise<Scan> {
  const defender: Defender = { engine, clip, shots, seed: options.seed, recorder };
  const seen = await seeShots(defender, templates);
  const doubts = doubtsAbout(seen, shots);
  // Where there are doubts, inversion would take long and not change the verdict.
  const found = doubts.length > 0 ? nothingFound : await invertForms(defender, seen, options);
  return { ...seen, ...found, suspicion: suspicionOf(found, doubts, shots, options.belief) };
}
