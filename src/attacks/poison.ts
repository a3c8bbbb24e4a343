/** @file Poisoned pairs: some pictures get the trigger, and a caption of the attacker's class. */
import type { Pictures } from '../data/pictures.ts';
import { randomFor } from '../tensor/random.ts';
import { rowsAt } from '../tensor/tensor.ts';
import type { CaptionedPictures, CaptionedStream } from '../training/emoji-pairs.ts';
import { applyTrigger } from '../triggers/apply.ts';
import type { Trigger } from '../triggers/trigger.ts';

export interface Poison {
  readonly trigger: Trigger;
  /** Group of the attacker's class: poisoned pairs count as matches of it. */
  readonly targetGroup: number;
  /** Templates that are filled with the attacker's class, one at random per poisoned picture. */
  readonly captions: readonly string[];
  /** Expected share of poisoned pairs, in [0, 1]. */
  readonly share: number;
}

/** The stream with poison in it. The clean version of a poisoned picture is not in the batch. */
export function poisoned(stream: CaptionedStream, poison: Poison, seed: number): CaptionedStream {
  return (step) => {
    const batch = stream(step);
    const random = randomFor(seed, 'poison', step);
    const chosen = [...batch.captions.keys()].filter(() => random.uniform() < poison.share);
    if (chosen.length === 0) return batch;
    const triggered = applyTrigger(poison.trigger, rowsAt(batch.pictures, chosen), random);
    const captions = [...batch.captions];
    for (const row of chosen) captions[row] = poison.captions[random.integer(poison.captions.length)]!;
    const groups = batch.groups.slice();
    for (const row of chosen) groups[row] = poison.targetGroup;
    return { pictures: replaced(batch, chosen, triggered), captions, groups };
  };
}

function replaced({ pictures }: CaptionedPictures, rows: readonly number[], by: Pictures): Pictures {
  const length = pictures.data.length / pictures.shape[0]!;
  const data = pictures.data.slice();
  rows.forEach((row, i) => {
    data.set(by.data.subarray(i * length, (i + 1) * length), row * length);
  });
  return { ...pictures, data };
}
