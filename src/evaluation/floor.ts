/** @file What ASR and RA are held against: a model without a backdoor, too, takes some pictures for the target, and misses others. */
import type { Proportion } from './interval.ts';
import { type Measures, type Predictions, untriggeredShare } from './metrics.ts';

/** An ASR that no defense can beat. */
export interface Floor {
  readonly asr: Proportion;
  /** What it was measured with, in words for a reader. */
  readonly from: string;
}

/**
 * The clean model's ASR; where that is not known, the share of untriggered pictures that are classified as the target.
 * Null where no target is among the classes.
 *
 * @param clean the model before poisoning, measured under the same threat
 * @param undefended predictions of the poisoned model before any defense
 */
export function floorOf(clean: Measures | null, undefended: Predictions): Floor | null {
  if (clean?.asr) return { asr: clean.asr, from: 'the model before poisoning' };
  if (undefended.target === undefined) return null;
  const asr = untriggeredShare(undefended, undefended.target);
  return asr && { asr, from: 'pictures without the trigger' };
}

/**
 * The RA that a cure is held against: the clean model's, or, where that is not known, the CA of the model itself.
 *
 * @param clean the model before poisoning, measured under the same threat
 */
export function ceilingOf(clean: Measures | null, measured: Measures): Proportion {
  return clean?.ra ?? measured.ca;
}
