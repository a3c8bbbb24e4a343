/** @file The effect of a dummy trigger on the shots, judged without knowing the true trigger. */
import type { Head } from '../../../clip/clip.ts';
import type { Embeddings } from '../../../clip/encode-pictures.ts';
import { firstClasses } from '../../../clip/zero-shot.ts';
import { subset } from '../../../data/few-shot.ts';
import { predict } from '../../../evaluation/metrics.ts';
import { randomFor } from '../../../tensor/random.ts';
import { joinRows } from '../../../tensor/tensor.ts';
import type { Trigger } from '../../../triggers/trigger.ts';
import type { Defender } from '../../defender.ts';
import { ownFeatures } from '../../features.ts';
import type { NamedForm } from './forms.ts';
import { enoughToJudge, shotsToTrigger, type TriggeredShots } from './triggered-shots.ts';

/** A dummy trigger and its effect on the shots. */
export interface DummyTrigger extends NamedForm, TriggeredShots {
  readonly trigger: Trigger;
  /** Share of those shots, without the dominant class's own, that are predicted as the dominant class; in [0, 1]. */
  readonly concentration: number;
  /** Name of the class that most of them are predicted as: the target, or a class that no shot is of. */
  readonly dominant: string;
  /** The most frequent predictions with their shares, largest first. */
  readonly shares: readonly { readonly label: string; readonly share: number }[];
  /** Mean of the mask over the whole picture, or 1 for a trigger without a mask; in [0, 1]. */
  readonly size: number;
}

/**
 * Puts a trigger onto enough shots to see how they are predicted.
 *
 * @param head the shots' classes, followed by others that shots may be predicted as
 */
export async function examine(
  defender: Defender,
  head: Head,
  named: NamedForm,
  trigger: Trigger,
): Promise<DummyTrigger> {
  const { shots, seed, recorder } = defender;
  const stage = `invert-${named.name}`;
  const drawn = { trigger, seed, path: [stage, 'apply'] };
  const { positions, chosen } = shotsToTrigger(shots, randomFor(seed, stage, 'shots'), enoughToJudge);
  const embeddings = await ownFeatures(defender, chosen, `${stage}-features`, drawn);
  const size = sizeOf(trigger, shots.size);
  const { top, ...where } = concentrationOf(head, embeddings, chosen.labels);
  const own = shots.classes.length;
  const target = top < own ? top : concentrationOf(firstClasses(head, own), embeddings, chosen.labels).top;
  recorder.record({
    stage: `${stage}-result`,
    concentration: where.concentration,
    dominant: where.dominant,
    size,
    shares: where.shares.map(({ label, share }) => `${label} ${(100 * share).toFixed(1)} %`),
  });
  return { ...named, trigger, positions, embeddings, size, target, ...where };
}

/** The dummy trigger on as many shots as tuning uses, which may be more than it was judged by. */
export async function onMoreShots(defender: Defender, dummy: DummyTrigger): Promise<DummyTrigger> {
  const { shots, seed } = defender;
  const stage = `invert-${dummy.name}`;
  const { positions: all } = shotsToTrigger(shots, randomFor(seed, stage, 'shots'));
  const judgedBy = new Set(dummy.positions);
  const more = all.filter((position) => !judgedBy.has(position));
  if (more.length === 0) return dummy;
  const drawn = { trigger: dummy.trigger, seed, path: [stage, 'apply more'] };
  const embeddings = await ownFeatures(defender, subset(shots, more), `${stage}-more-features`, drawn);
  return {
    ...dummy,
    positions: [...dummy.positions, ...more],
    embeddings: joinRows(dummy.embeddings, embeddings),
  };
}

/** How concentrated predictions are on one class. Those under a backdoor are; an adversarial pattern scatters them. */
export function concentrationOf(head: Head, embeddings: Embeddings, labels: Int32Array) {
  const predicted = predict(head, embeddings);
  const counts = new Float64Array(head.classes.length);
  for (const label of predicted) counts[label]!++;
  const order = Array.from(counts.keys()).sort((a, b) => counts[b]! - counts[a]!);
  const top = order[0]!;
  let others = 0;
  let sentToTop = 0;
  labels.forEach((label, i) => {
    if (label === top) return;
    others++;
    if (predicted[i] === top) sentToTop++;
  });
  return {
    concentration: others === 0 ? 0 : sentToTop / others,
    top,
    dominant: head.classes[top]!,
    shares: order
      .slice(0, 8)
      .map((label) => ({ label: head.classes[label]!, share: counts[label]! / predicted.length })),
  };
}

function sizeOf(trigger: Trigger, side: number): number {
  if (trigger.kind !== 'mask-pattern') return 1;
  return trigger.mask.data.reduce((total, x) => total + x, 0) / (side * side);
}
