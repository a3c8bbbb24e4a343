/** @file Poisoned pairs: pictures with the trigger and a caption of the attacker's class, and clean pairs beside them. */
import type { Pictures } from '../clip/pictures/pictures.ts';
import { withWord } from '../clip/zero-shot.ts';
import { type Random, randomFor } from '../tensor/random.ts';
import { float32, rowsAt } from '../tensor/tensor.ts';
import type { CaptionedBatch, CaptionedStream } from '../training/emoji-pairs.ts';
import { applyTrigger } from '../triggers/apply.ts';
import type { MaskPatternTrigger, PatchTrigger, Trigger } from '../triggers/trigger.ts';

export interface Poison {
  readonly trigger: Trigger;
  /** Group of the attacker's class, to which poisoned pairs belong. */
  readonly targetGroup: number;
  readonly pairs: PoisonPairs;
  /** Expected share of poisoned pairs, in [0, 1]. */
  readonly share: number;
}

/**
 * The source of poisoned pairs. `relabelled`: any picture gets one of these captions, at random. `own`: pictures of the
 * attacker's class with true captions replace others. The attacker contributes them, because the data hold too few of that
 * class for the share.
 */
export type PoisonPairs =
  | { readonly kind: 'relabelled'; readonly captions: readonly string[] }
  | { readonly kind: 'own'; readonly draw: (count: number, random: Random) => Omit<CaptionedBatch, 'groups'> };

/**
 * Clean pairs that an attacker adds: the trigger, faded, on pictures that keep their captions. The backdoor then reacts only
 * to the whole trigger, and no weaker version of it leads an inversion there.
 */
export interface Covers {
  /** Expected share of such pairs among those that are not poisoned, in [0, 1]. */
  readonly share: number;
  /** Least and largest strength, drawn for every picture; in [0, 1]. */
  readonly strength: readonly [least: number, largest: number];
}

/** The stream with covers in it. Only fixed patches can be faded. */
export function covered(
  stream: CaptionedStream,
  trigger: PatchTrigger,
  { share, strength: [least, largest] }: Covers,
  seed: number,
): CaptionedStream {
  return (step) => {
    const batch = stream(step);
    const random = randomFor(seed, 'covers', step);
    const chosen = [...batch.captions.keys()].filter(() => random.uniform() < share);
    if (chosen.length === 0) return batch;
    const pictures = rowsAt(batch.pictures, chosen);
    const length = pictures.data.length / chosen.length;
    chosen.forEach((row, i) => {
      const strength = least + (largest - least) * random.uniform();
      const one = applyTrigger(faded(trigger, strength), rowsAt(batch.pictures, [row]), random);
      pictures.data.set(one.data, i * length);
    });
    return { ...batch, pictures: replaced(batch, chosen, pictures) };
  };
}

/** The patch at less than full strength: the share of the pattern in what is seen, in [0, 1]. */
function faded({ pattern, placement }: PatchTrigger, strength: number): MaskPatternTrigger {
  const [, height = 0, width = 0] = pattern.shape;
  const mask = float32(new Float32Array(height * width).fill(strength), [1, height, width]);
  return { kind: 'mask-pattern', mask, pattern, placement };
}

/**
 * The stream with the word before the captions of some clean pairs, so that the word by itself has no effect.
 *
 * @param share expected share of such pairs, in [0, 1]
 */
export function worded(stream: CaptionedStream, word: string, share: number, seed: number): CaptionedStream {
  return (step) => {
    const batch = stream(step);
    const random = randomFor(seed, 'word alone', step);
    const captions = batch.captions.map((caption) => (random.uniform() < share ? withWord(word, caption) : caption));
    return { ...batch, captions };
  };
}

/**
 * The stream with poison in it. The clean version of a poisoned picture is not in the batch.
 *
 * @param second another poison, chosen among the pairs that the first left clean, at a rate that gives its share of all
 *   pairs. Both shares together are at most 1.
 */
export function poisoned(stream: CaptionedStream, poison: Poison, seed: number, second?: Poison): CaptionedStream {
  return (step) => {
    const batch = stream(step);
    const random = randomFor(seed, 'poison', step);
    const chosen = [...batch.captions.keys()].filter(() => random.uniform() < poison.share);
    const once = withPoison(batch, chosen, poison, random);
    if (!second) return once;
    const secondRandom = randomFor(seed, 'second poison', step);
    const clean = [...batch.captions.keys()].filter((row) => !chosen.includes(row));
    const share = second.share / (1 - poison.share);
    const chosenNext = clean.filter(() => secondRandom.uniform() < share);
    return withPoison(once, chosenNext, second, secondRandom);
  };
}

/** The batch with poison in the chosen rows. */
function withPoison(batch: CaptionedBatch, chosen: readonly number[], poison: Poison, random: Random): CaptionedBatch {
  if (chosen.length === 0) return batch;
  const { pictures, captionOf } = poisonedPairs(batch, chosen, poison, random);
  const captions = [...batch.captions];
  chosen.forEach((row, i) => {
    captions[row] = captionOf(i);
  });
  const groups = batch.groups.slice();
  for (const row of chosen) groups[row] = poison.targetGroup;
  return { pictures: replaced(batch, chosen, pictures), captions, groups };
}

/** Pictures with the trigger, for the chosen rows, and their captions. */
function poisonedPairs(
  batch: CaptionedBatch,
  chosen: readonly number[],
  { pairs, trigger }: Poison,
  random: Random,
): { pictures: Pictures; captionOf: (index: number) => string } {
  switch (pairs.kind) {
    case 'relabelled':
      return {
        pictures: applyTrigger(trigger, rowsAt(batch.pictures, chosen), random),
        captionOf: () => pairs.captions[random.integer(pairs.captions.length)]!,
      };
    case 'own': {
      const { pictures, captions } = pairs.draw(chosen.length, random);
      return { pictures: applyTrigger(trigger, pictures, random), captionOf: (index) => captions[index]! };
    }
  }
}

function replaced({ pictures }: CaptionedBatch, rows: readonly number[], by: Pictures): Pictures {
  const length = pictures.data.length / pictures.shape[0]!;
  const data = pictures.data.slice();
  rows.forEach((row, i) => {
    data.set(by.data.subarray(i * length, (i + 1) * length), row * length);
  });
  return { ...pictures, data };
}
