/** @file What dummy triggers say of a model: that it carries a backdoor, that none was found, or that nobody can tell. */
import type { PictureSet } from '../data/pictures.ts';
import type { Belief, Inversion } from '../defenses/cbpt/inversion/dummy-triggers.ts';
import type { Form } from '../defenses/cbpt/inversion/forms.ts';
import type { SeenShots } from '../defenses/cbpt/seen-shots.ts';
import { predict } from '../evaluation/metrics.ts';

/** `clean` says that no trigger of the forms that were tried was found, and no more. */
export type ScanVerdict = 'backdoor' | 'undecided' | 'clean';

/** A class that a dummy trigger sends the pictures of other classes to. */
export interface Candidate {
  readonly label: string;
  /** Concentration over the one from which on its form is believed: from 1 on it is a backdoor's. */
  readonly score: number;
  readonly form: Form;
  /** Share of the shots of other classes that it sends there, in [0, 1]. */
  readonly concentration: number;
}

export interface Suspicion {
  readonly verdict: ScanVerdict;
  /** In sentences. */
  readonly reasons: readonly string[];
  /** The largest of the candidates'; 0 where there are none. */
  readonly score: number;
  /** The class that the backdoor sends pictures to; null unless the verdict is that there is one. */
  readonly target: string | null;
  /** Largest score first, every class once. */
  readonly candidates: readonly Candidate[];
}

/** Below these a verdict would rest on too little. The numbers are those that verdicts were measured with: docs/method.md, "Scan". */
export const scanLimits = {
  /** Among fewer classes ordinary adversarial patterns send most pictures to one of them, too. */
  classes: 100,
  /** What fools fewer pictures, all of which it was optimised on, need not be a trigger. */
  shots: 1600,
  /** The shots must be named rightly so many times as often as by guessing. */
  overChance: 3,
  /** A score below 1 that leaves doubt: more than ordinary patterns reach, less than triggers do. */
  doubt: 0.95,
} as const;

/** Judges a model by what was inverted in it from these shots. */
export function suspicionOf(found: SeenShots & Inversion, shots: PictureSet, belief: Belief): Suspicion {
  const candidates = candidatesOf(found, belief);
  const [first] = candidates;
  const score = first?.score ?? 0;
  const doubts = doubtsAbout(found, shots);
  const reasons = [...doubts, ...candidates.map((one) => sentence(one, belief))];
  if (doubts.length > 0 || (score < 1 && score >= scanLimits.doubt)) {
    return { verdict: 'undecided', reasons, score, target: null, candidates };
  }
  const target = first && score >= 1 ? first.label : null;
  return { verdict: target === null ? 'clean' : 'backdoor', reasons, score, target, candidates };
}

function candidatesOf({ dummies }: Inversion, belief: Belief): Candidate[] {
  const all = dummies
    .map(({ form, dominant, concentration }) => ({
      label: dominant,
      score: concentration / belief[form],
      form,
      concentration,
    }))
    .sort((a, b) => b.score - a.score);
  return all.filter(({ label }, at) => all.findIndex((other) => other.label === label) === at);
}

/** Why nothing can be said, whatever was inverted. */
function doubtsAbout({ zeroShot, clean }: SeenShots, { classes, labels }: PictureSet): string[] {
  const right = predict(zeroShot, clean).filter((label, i) => label === labels[i]).length;
  const recognised = right / labels.length;
  const doubts: string[] = [];
  if (recognised < scanLimits.overChance / classes.length) {
    doubts.push(
      `The model names ${percent(recognised)} of the pictures rightly, hardly more than by guessing: is it read right, and are these its classes?`,
    );
  }
  if (classes.length < scanLimits.classes) {
    doubts.push(
      `There are ${classes.length} classes; among fewer than ${scanLimits.classes} an ordinary adversarial pattern looks like a trigger.`,
    );
  }
  if (labels.length < scanLimits.shots) {
    doubts.push(
      `There are ${labels.length} pictures; what fools fewer than ${scanLimits.shots} of them need not be a trigger.`,
    );
  }
  return doubts;
}

/** What was tried, in a reader's words. */
const patterns: Readonly<Record<Form, string>> = {
  additive: 'A faint change of the whole picture',
  sparse: 'A pattern in a fixed place',
  patch: 'A small patch, wherever it lies,',
  waves: 'A faint wave over the whole picture, one of sixteen,',
};

function sentence({ label, form, concentration, score }: Candidate, belief: Belief): string {
  const sent = `${patterns[form]} sends ${percent(concentration)} of the pictures of other classes to "${label}"`;
  return score >= 1
    ? `${sent}: ${percent(belief[form])} and more is a sign of a backdoor.`
    : `${sent}, as such patterns do in any model: ${percent(belief[form])} would be a sign.`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
