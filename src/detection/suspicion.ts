/** @file What dummy triggers say of a model: that it carries a backdoor, that none was found, or that nobody can tell. */
import type { PictureSet } from '../clip/pictures/pictures.ts';
import { type Belief, type Inversion, surely } from '../defenses/cbpt/inversion/dummy-triggers.ts';
import type { Form } from '../defenses/cbpt/inversion/forms.ts';
import type { SeenShots } from '../defenses/cbpt/seen-shots.ts';
import { predict } from '../evaluation/metrics.ts';

/** `clean` says that no trigger of the forms that were tried was found, and no more. */
export type ScanVerdict = 'backdoor' | 'undecided' | 'clean';

/** A class that a dummy trigger sends the pictures of other classes to. */
export interface Candidate {
  readonly label: string;
  /** Concentration over the one from which on its form is believed: from 1 on CBPT tunes against it. */
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
  /** The classes that backdoors send pictures to, of the list or not, the surest first; empty unless the verdict is that there is one. */
  readonly targets: readonly string[];
  /** Largest score first, every class once. */
  readonly candidates: readonly Candidate[];
}

/** Below these a verdict would rest on too little. The numbers are those that verdicts were measured with: docs/method.md, "Scan". */
export const scanLimits = {
  /** What fools fewer pictures, all of which it was optimised on, need not be a trigger. */
  shots: 80,
  /** The shots must be named rightly so many times as often as by guessing, or half of the way from there to always. */
  overChance: 3,
  /** From this share of the score that a backdoor needs there is doubt: more than ordinary patterns reach, less than triggers do. */
  doubt: 0.95,
} as const;

/**
 * Judges a model by what was inverted in it from these shots.
 *
 * @param doubts why nothing can be said (`doubtsAbout`)
 */
export function suspicionOf(found: Inversion, doubts: readonly string[], shots: PictureSet, belief: Belief): Suspicion {
  const candidates = candidatesOf(found, belief);
  const score = candidates[0]?.score ?? 0;
  const sure = surely(shots.labels.length);
  const reasons = [...doubts, ...candidates.map((one) => sentence(one, belief[one.form] * sure, shots))];
  if (doubts.length > 0 || (score < sure && score >= scanLimits.doubt * sure)) {
    return { verdict: 'undecided', reasons, score, targets: [], candidates };
  }
  const targets = candidates.filter((one) => one.score >= sure).map(({ label }) => label);
  return { verdict: targets.length === 0 ? 'clean' : 'backdoor', reasons, score, targets, candidates };
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

/** Why nothing can be said, whatever is inverted. */
export function doubtsAbout({ zeroShot, clean }: SeenShots, { classes, labels }: PictureSet): string[] {
  const right = predict(zeroShot, clean).filter((label, i) => label === labels[i]).length;
  const recognised = right / labels.length;
  const chance = 1 / classes.length;
  const doubts: string[] = [];
  if (recognised < Math.min(scanLimits.overChance * chance, (1 + chance) / 2)) {
    doubts.push(
      `The model names ${percent(recognised)} of the pictures rightly, hardly more than by guessing: is it read right, and are these its classes?`,
    );
  }
  if (labels.length < scanLimits.shots) {
    doubts.push(
      `There are ${labels.length} pictures; what fools fewer than ${scanLimits.shots} of them need not be a trigger. Give more of every class.`,
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
  blend: 'A pattern blended over the whole picture',
  elsewhere: 'A second pattern in a fixed place',
};

function sentence({ label, form, concentration }: Candidate, bar: number, { classes }: PictureSet): string {
  const whose = classes.includes(label) ? '' : ', which is none of the classes';
  const sent = `${patterns[form]} sends ${percent(concentration)} of the pictures of other classes to "${label}"${whose}`;
  return concentration >= bar
    ? `${sent}: ${percent(bar)} and more is a sign of a backdoor.`
    : `${sent}, as such patterns do in any model: ${percent(bar)} would be a sign.`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
