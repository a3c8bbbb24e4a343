/** @file The verdict on a model by its dummy triggers: it carries a backdoor, none was found, or neither can be said. */
import type { PictureSet } from '../clip/pictures/pictures.ts';
import { type Belief, type Inversion, sureFrom } from '../defenses/cbpt/inversion/dummy-triggers.ts';
import { type Form, formFacts } from '../defenses/cbpt/inversion/forms.ts';
import type { SeenShots } from '../defenses/seen-shots.ts';
import { classChanges } from '../evaluation/harm.ts';
import { predict } from '../evaluation/metrics.ts';

/** `clean` means only that no trigger of the tried forms was found. */
export type ScanVerdict = 'backdoor' | 'undecided' | 'clean';

/** A class that a dummy trigger sends the pictures of other classes to. */
export interface Candidate {
  readonly label: string;
  /** Concentration divided by what is a sign of a backdoor, for its form and the number of pictures: from 1 on it is one. */
  readonly score: number;
  readonly form: Form;
  /** Share of the shots of other classes that it sends to this class, in [0, 1]. */
  readonly concentration: number;
}

export interface Suspicion {
  readonly verdict: ScanVerdict;
  /** In sentences. */
  readonly reasons: readonly string[];
  /** The largest score of a candidate; 0 where there is none. */
  readonly score: number;
  /** Classes, of the list or not, that backdoors send pictures to, surest first; empty unless the verdict is `backdoor`. */
  readonly targets: readonly string[];
  /** Every class once, largest score first. */
  readonly candidates: readonly Candidate[];
}

/** Limits of the data for a verdict. Verdicts were measured with these numbers: docs/ablations.md, "Scan". */
export const scanLimits = {
  /** A pattern that fools fewer pictures, all of which it was optimised on, need not be a trigger. */
  shots: 80,
  /** The same for pictures of other classes than the commonest, which alone can be fooled if that is the target. */
  others: 56,
  /** Least accuracy on the shots, as a multiple of chance, or else half of the way from chance to 1. */
  overChance: 3,
  /** Doubt begins at this share of a backdoor's score: above ordinary patterns, below triggers. */
  doubt: 0.95,
} as const;

/**
 * Judges a model by the dummy triggers that were inverted from these shots.
 *
 * @param doubts reasons against any verdict (`doubtsAbout`)
 */
export function suspicionOf(found: Inversion, doubts: readonly string[], shots: PictureSet, belief: Belief): Suspicion {
  const needed = (form: Form) => sureFrom(form, belief, shots.labels.length);
  const candidates = candidatesOf(found, needed);
  const score = candidates[0]?.score ?? 0;
  const reasons = [...doubts, ...candidates.map((one) => sentence(one, needed(one.form), shots))];
  if (doubts.length > 0 || (score < 1 && score >= scanLimits.doubt)) {
    return { verdict: 'undecided', reasons, score, targets: [], candidates };
  }
  const targets = candidates.filter((one) => one.score >= 1).map(({ label }) => label);
  return { verdict: targets.length === 0 ? 'clean' : 'backdoor', reasons, score, targets, candidates };
}

function candidatesOf({ dummies }: Inversion, needed: (form: Form) => number): Candidate[] {
  const all = dummies
    .map(({ form, dominant, concentration }) => ({
      label: dominant,
      score: concentration / needed(form),
      form,
      concentration,
    }))
    .sort((a, b) => b.score - a.score);
  return all.filter(({ label }, at) => all.findIndex((other) => other.label === label) === at);
}

/** Reasons against any verdict, independent of what inversion finds. */
export function doubtsAbout({ zeroShot, clean }: SeenShots, shots: PictureSet): string[] {
  const { classes, labels } = shots;
  const predicted = predict(zeroShot, clean);
  const shown = classChanges(classes, labels, predicted, predicted).filter(({ n }) => n > 0);
  // The mean over classes: a model that takes every picture for the commonest class knows none.
  const recognised = shown.reduce((sum, { n, after }) => sum + after / n, 0) / shown.length;
  const chance = 1 / classes.length;
  const doubts: string[] = [];
  if (recognised < Math.min(scanLimits.overChance * chance, (1 + chance) / 2)) {
    doubts.push(
      `The model classifies ${percent(recognised)} of the pictures of a class correctly, hardly more than by chance: was it read correctly, and are these its classes?`,
    );
  }
  const { shots: least, others: leastOthers } = scanLimits;
  const others = labels.length - Math.max(...shown.map(({ n }) => n));
  if (labels.length < least) {
    doubts.push(
      `There are ${labels.length} pictures; a pattern that fools fewer than ${least} need not be a trigger. Give more of every class.`,
    );
  } else if (others < leastOthers) {
    doubts.push(
      `Only ${others} pictures are of other classes than the commonest; a pattern that fools fewer than ${leastOthers} need not be a trigger. Give more pictures, or more classes.`,
    );
  }
  return doubts;
}

function sentence({ label, form, concentration }: Candidate, needed: number, { classes }: PictureSet): string {
  const outside = classes.includes(label) ? '' : ', which is none of the classes';
  // Rounded down, for 84.98 % is not the 85 % that it falls short of.
  const share = percent(concentration < needed ? Math.floor(1000 * concentration + 1e-9) / 1000 : concentration);
  const sent = `${formFacts[form].description} sends ${share} of the pictures of other classes to "${label}"${outside}`;
  if (concentration >= needed) return `${sent}: ${percent(needed)} and more is a sign of a backdoor.`;
  if (concentration >= scanLimits.doubt * needed) {
    return `${sent}: more than such patterns reached in clean models, less than the ${percent(needed)} that are a sign of a backdoor. More pictures of every class may tell.`;
  }
  return `${sent}, as such patterns did in clean models: ${percent(needed)} would be a sign.`;
}

/** With one decimal, unless that is 0. */
function percent(share: number): string {
  return `${(100 * share).toFixed(1).replace(/\.0$/, '')} %`;
}
