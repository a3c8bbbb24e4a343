/** @file Stage 1 as a whole: dummy triggers of all forms, and which of them are believed. */
import type { Clip, Head } from '../../../clip/clip.ts';
import type { PictureSet } from '../../../clip/pictures/pictures.ts';
import type { Engine } from '../../../engine/engine.ts';
import type { Recorder } from '../../../runs/recorder.ts';
import type { SeenInCrowd } from '../seen-shots.ts';
import { type DummyTrigger, onMoreShots } from './examine.ts';
import { type Form, lastResorts, type NamedForm, named } from './forms.ts';
import { type InversionOptions, invertTrigger } from './invert-trigger.ts';
import { type RaceOptions, racePatches } from './race/patch-race.ts';
import { sampleWaves } from './sampled-waves.ts';

export interface DummyOptions {
  readonly inversion: InversionOptions & RaceOptions;
  /**
   * Forms that are inverted, in this order; one that is listed twice is inverted from two starts, if it is believed from
   * the first. A patch is sought for the classes that believed triggers before it lead to, or else all classes run a race.
   * Waves and a blend are sought only where no backdoor is sure before them in the list ({@link surely}), and another one
   * `elsewhere` only where one is believed.
   */
  readonly forms: readonly Form[];
  readonly belief: Belief;
  readonly seed: number;
}

/**
 * From which concentration on a dummy trigger of a form is taken for a backdoor's: what the form reaches on models without
 * one, and a margin; in [0, 1]. Where the numbers come from: docs/method.md, "Concentration".
 */
export type Belief = Readonly<Record<Form, number>>;

/** Everything that is found is used: for controls. */
export const beliefInAll: Belief = { additive: 0, sparse: 0, patch: 0, waves: 0, blend: 0, elsewhere: 0 };

/** Ordinary patterns reach further where pictures are fewer than bars were set by (docs/method.md, "Scan"). */
const few = { pictures: 1600, factor: 1.1 };

/** How many times its belief a dummy trigger must be concentrated for a backdoor to be sure, with so many pictures. */
export const surely = (pictures: number): number => (pictures < few.pictures ? few.factor : 1);

/** What stage 1 found in a model. */
export interface Inversion {
  /** All dummy triggers that were found, also those that were not used. */
  readonly dummies: readonly DummyTrigger[];
  /** Those that are believed: what tuning is given. */
  readonly used: readonly DummyTrigger[];
}

/** Where nothing was looked for. */
export const nothingFound: Inversion = { dummies: [], used: [] };

/** Inverts the listed forms. */
export async function invertForms(
  engine: Engine,
  clip: Clip,
  shots: PictureSet,
  { crowd, clean }: SeenInCrowd,
  { forms, inversion, belief, seed }: DummyOptions,
  recorder: Recorder,
): Promise<Inversion> {
  const dummies: DummyTrigger[] = [];
  const used: DummyTrigger[] = [];
  const find = ({ name, form }: NamedForm) => {
    const suspects = suspectsIn(crowd, used);
    const given = { shots, clean, head: crowd, avoided: form === 'elsewhere' ? suspects : [] };
    switch (form) {
      case 'patch':
        return racePatches(engine, clip, given, { name, form }, suspects, inversion, seed, recorder);
      case 'waves':
        return sampleWaves(engine, clip, given, { name, form }, seed, recorder);
      default:
        return invertTrigger(engine, clip, given, { name, form }, inversion, seed, recorder);
    }
  };
  for (const listed of named(forms)) {
    const sure = used.some((dummy) => isBelieved(dummy, belief, surely(shots.labels.length)));
    const leftOut = whyLeftOut(listed, { dummies, used, sure });
    if (leftOut) {
      recorder.record({ stage: `invert-${listed.name}-result`, leftOut });
      continue;
    }
    const judged = await find(listed);
    const believed = isBelieved(judged, belief);
    const dummy = believed ? await onMoreShots(engine, clip, shots, judged, seed, recorder) : judged;
    dummies.push(dummy);
    if (believed) used.push(dummy);
  }
  return { dummies, used };
}

/** Labels that believed triggers lead to. */
const suspectsIn = ({ classes }: Head, used: readonly DummyTrigger[]) => [
  ...new Set(used.map(({ dominant }) => classes.indexOf(dominant))),
];

/** What need not be inverted after what was found; undefined if it must. */
function whyLeftOut(
  listed: NamedForm,
  { dummies, used, sure }: Inversion & { readonly sure: boolean },
): string | undefined {
  const ofForm = (found: readonly DummyTrigger[]) => found.some((dummy) => dummy.form === listed.form);
  if (ofForm(dummies) && !ofForm(used)) return 'this form is not believed from its first start';
  if (lastResorts.includes(listed.form) && sure) return 'a trigger is found already';
  if (listed.form === 'elsewhere' && used.length === 0) return 'no trigger is found that another one could be beside';
  return undefined;
}

/**
 * Whether a dummy trigger is a backdoor's: concentrated as no ordinary adversarial pattern of its form is.
 *
 * @param times {@link surely} where that has to be sure; tuning against an ordinary pattern costs little
 */
export function isBelieved(
  { form, concentration }: Pick<DummyTrigger, 'form' | 'concentration'>,
  belief: Belief,
  times = 1,
): boolean {
  return concentration >= belief[form] * times;
}
