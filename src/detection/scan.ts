/** @file Does a model carry a backdoor? Stage 1 of CBPT without stage 2, and a verdict on what it finds. */
import type { Clip } from '../clip/clip.ts';
import type { PictureSet } from '../clip/pictures/pictures.ts';
import {
  type DummyOptions,
  type Inversion,
  invertForms,
  nothingFound,
} from '../defenses/cbpt/inversion/dummy-triggers.ts';
import { cbptDefaults } from '../defenses/cbpt/purify.ts';
import { type SeenShots, seeShots } from '../defenses/cbpt/seen-shots.ts';
import type { Engine } from '../engine/engine.ts';
import type { Recorder } from '../runs/recorder.ts';
import { doubtsAbout, type Suspicion, suspicionOf } from './suspicion.ts';

const { inversion, belief } = cbptDefaults;

/** As CBPT has them, but every form once: a second start finds what the first one finds. */
export const scanDefaults: Omit<DummyOptions, 'seed'> = {
  inversion,
  belief,
  forms: ['sparse', 'patch', 'waves', 'blend', 'elsewhere'],
};

export interface Scan extends SeenShots, Inversion {
  readonly suspicion: Suspicion;
}

/**
 * Inverts dummy triggers and judges the model by them. Nothing is known of a trigger or of an attacker's class. Where there
 * is too little to judge by, the verdict is `undecided` before anything is inverted.
 *
 * @param shots labelled clean pictures of every class
 * @param templates hand-written prompts: what inversion is measured against
 */
export async function scan(
  engine: Engine,
  clip: Clip,
  shots: PictureSet,
  templates: readonly string[],
  options: DummyOptions,
  recorder: Recorder,
): Promise<Scan> {
  const seen = await seeShots(engine, clip, shots, templates, recorder);
  // Inversion takes long, and would change no verdict.
  const doubts = doubtsAbout(seen, shots);
  const found = doubts.length > 0 ? nothingFound : await invertForms(engine, clip, shots, seen, options, recorder);
  return { ...seen, ...found, suspicion: suspicionOf(found, doubts, shots, options.belief) };
}
