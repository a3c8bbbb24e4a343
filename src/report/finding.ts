/** @file Words for the findings of inversion and their use by a defense, shared by all pages. */
import { type ScanVerdict, type Suspicion, scanLimits } from '../detection/suspicion.ts';
import type { ShownTrigger } from './report-data.ts';
import { formOf } from './stage-words.ts';
import type { VerdictTone } from './verdict.ts';

export const findingStamps: Readonly<Record<ScanVerdict, { readonly tone: VerdictTone; readonly stamp: string }>> = {
  backdoor: { tone: 'attack', stamp: 'Backdoor found' },
  undecided: { tone: 'neutral', stamp: 'Undecided' },
  clean: { tone: 'neutral', stamp: 'No backdoor found' },
};

type Found = Pick<ShownTrigger, 'used'>;

/** Whether tuning used dummy triggers. */
export function tunedOn(dummyTriggers: readonly Found[]): string {
  return dummyTriggers.some(({ used }) => used)
    ? 'Prompts were tuned against what was found.'
    : 'Prompts were tuned on clean pictures alone, for nothing was found that is worth it.';
}

/** In a few words, and whether a verdict rests on it. */
export interface Fate {
  readonly words: string;
  readonly isSign: boolean;
}

const fate = (words: string, isSign = false): Fate => ({ words, isSign });

/** The use of a dummy trigger by a defense; without a defense, its weight for the verdict. */
export function fateOf({ used, name, predicted }: ShownTrigger, suspicion: Suspicion | null): Fate {
  if (used !== null) return fate(used ? 'used by the defense' : 'not believed, not used');
  if (suspicion === null) return fate('found by inversion');
  const label = predicted[0]?.label;
  const candidate = suspicion.candidates.find((one) => one.label === label);
  const form = formOf(name);
  if (!candidate || !form) return fate('found by inversion');
  if (candidate.form !== form) return fate('weaker than another to the same class');
  if (candidate.score >= 1) return fate('a sign of a backdoor', true);
  return fate(candidate.score >= scanLimits.doubt ? 'doubtful: nearly a sign' : 'as in clean models');
}
