/** @file ASR that no defense can beat: some pictures are taken for the target by a model without any backdoor. */
import type { Proportion } from './interval.ts';
import { type Measures, type Predictions, untriggeredShare } from './metrics.ts';

export interface Floor {
  readonly asr: Proportion;
  /** What it was measured with, for whoever reads the number. */
  readonly from: string;
}

/**
 * The clean model's ASR; where that is not known, the share of untriggered pictures that are taken for the target. Null
 * where there is no target among the classes.
 *
 * @param clean the model before poisoning, measured under the same threat
 * @param undefended what the model says as it came
 */
export function floorOf(clean: Measures | null, undefended: Predictions): Floor | null {
  if (clean?.asr) return { asr: clean.asr, from: 'the model before poisoning' };
  if (undefended.target === undefined) return null;
  const asr = untriggeredShare(undefended, undefended.target);
  return asr && { asr, from: 'pictures without the trigger' };
}
