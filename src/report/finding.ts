/** @file What inversion found in a model and what a defense made of it: the words that every page shares. */
import type { ScanVerdict } from '../detection/suspicion.ts';
import type { DummyTrigger } from './report-data.ts';
import type { Tone } from './verdict.ts';

export const findingStamps: Readonly<Record<ScanVerdict, { readonly tone: Tone; readonly stamp: string }>> = {
  backdoor: { tone: 'attack', stamp: 'Backdoor found' },
  undecided: { tone: 'neutral', stamp: 'Undecided' },
  clean: { tone: 'neutral', stamp: 'No backdoor found' },
};

type Found = Pick<DummyTrigger, 'used'>;

/** What a purification did with what it found. */
export function tunedOn(dummyTriggers: readonly Found[]): string {
  return dummyTriggers.some(({ used }) => used)
    ? 'Prompts were tuned against what was found.'
    : 'Prompts were tuned on clean pictures alone, for nothing was found that is worth it.';
}

/** What became of a dummy trigger, in a few words. */
export function fateOf({ used }: Found): string {
  if (used === null) return 'found by inversion';
  return used ? 'used by the defense' : 'not believed, not used';
}
