/** @file What a dummy trigger does to the shots, without knowing the true one. */
import type { Clip, Head } from '../../../clip/clip.ts';
import type { Embeddings } from '../../../clip/encode-pictures.ts';
import type { PictureSet } from '../../../clip/pictures/pictures.ts';
import { firstClasses } from '../../../clip/zero-shot.ts';
import { subset } from '../../../data/few-shot.ts';
import type { Engine } from '../../../engine/engine.ts';
import { predict } from '../../../evaluation/metrics.ts';
import type { Recorder } from '../../../runs/recorder.ts';
import { randomFor } from '../../../tensor/random.ts';
import { joinRows } from '../../../tensor/tensor.ts';
import type { Trigger } from '../../../triggers/trigger.ts';
import { ownFeatures } from '../../features.ts';
import type { NamedForm } from './forms.ts';
import { enoughToJudge, shotsToTrigger, type TriggeredShots } from './triggered-shots.ts';

/** What is known of a dummy trigger without knowing the true one. */
export interface DummyTrigger extends NamedForm, TriggeredShots {
  readonly trigger: Trigger;
  /** Share of those shots, the class itself left out, that are predicted as the dominant class; in [0, 1]. */
  readonly concentration: number;
  /** Name of the class that most of them are predicted as: the target, or one that no shot is of. */
  readonly dominant: string;
  /** The most frequent predictions with their shares, largest first. */
  readonly shares: readonly { readonly label: string; readonly share: number }[];
  /** Mean of the mask over the whole picture, or 1 for a trigger without a mask; in [0, 1]. */
  readonly size: number;
}

/**
 * Puts the trigger onto enough shots to see where they go.
 *
 * @param head of the shots' classes and, behind them, of others that they may be sent to
 */
export async function examine(
  engine: Engine,
  clip: Clip,
  { shots, head }: { readonly shots: PictureSet; readonly head: Head },
  named: NamedForm,
  trigger: Trigger,
  seed: number,
  recorder: Recorder,
): Promise<DummyTrigger> {
  const stage = `invert-${named.name}`;
  const drawn = { trigger, seed, path: [stage, 'apply'] };
  const { positions, chosen } = shotsToTrigger(shots, randomFor(seed, stage, 'shots'), enoughToJudge);
  const embeddings = await ownFeatures(engine, clip, chosen, `${stage}-features`, recorder, drawn);
  const size = sizeOf(trigger, shots.size);
  const { top, ...where } = flock(head, embeddings, chosen.labels);
  const own = shots.classes.length;
  const target = top < own ? top : flock(firstClasses(head, own), embeddings, chosen.labels).top;
  recorder.record({
    stage: `${stage}-result`,
    concentration: where.concentration,
    dominant: where.dominant,
    size,
    shares: where.shares.map(({ label, share }) => `${label} ${(100 * share).toFixed(1)} %`),
  });
  return { ...named, trigger, positions, embeddings, size, target, ...where };
}

/** The dummy trigger on more shots than it was judged by, where there are more: on as many as tuning is given. */
export async function onMoreShots(
  engine: Engine,
  clip: Clip,
  shots: PictureSet,
  dummy: DummyTrigger,
  seed: number,
  recorder: Recorder,
): Promise<DummyTrigger> {
  const stage = `invert-${dummy.name}`;
  const { positions: all } = shotsToTrigger(shots, randomFor(seed, stage, 'shots'));
  const judgedBy = new Set(dummy.positions);
  const more = all.filter((position) => !judgedBy.has(position));
  if (more.length === 0) return dummy;
  const drawn = { trigger: dummy.trigger, seed, path: [stage, 'apply more'] };
  const embeddings = await ownFeatures(engine, clip, subset(shots, more), `${stage}-more-features`, recorder, drawn);
  return {
    ...dummy,
    positions: [...dummy.positions, ...more],
    embeddings: joinRows(dummy.embeddings, embeddings),
  };
}

/** How far the shots flock to one class. A backdoor is concentrated; an adversarial pattern spreads. */
export function flock(head: Head, embeddings: Embeddings, labels: Int32Array) {
  const predicted = predict(head, embeddings);
  const counts = new Float64Array(head.classes.length);
  for (const label of predicted) counts[label]!++;
  const order = Array.from(counts.keys()).sort((a, b) => counts[b]! - counts[a]!);
  const top = order[0]!;
  let others = 0;
  let flocked = 0;
  labels.forEach((label, i) => {
    if (label === top) return;
    others++;
    if (predicted[i] === top) flocked++;
  });
  return {
    concentration: others === 0 ? 0 : flocked / others,
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
