/** @file The stream of captioned emoji that a CLIP is trained on: every drawing once an epoch, augmented anew each time. */
import type { Pictures } from '../clip/pictures/pictures.ts';
import { type Augmentation, augment, trainingAugmentation } from '../data/emoji/augment.ts';
import { captionFor, captionTemplates } from '../data/emoji/captions.ts';
import type { Drawing } from '../data/emoji/emoji.ts';
import { randomFor } from '../tensor/random.ts';
import { inEpochs } from './epochs.ts';

/** The pictures of one step with their captions. Pairs of equal group mean the same thing. */
export interface CaptionedBatch {
  readonly pictures: Pictures;
  readonly captions: readonly string[];
  readonly groups: Int32Array;
}

/** The pairs of a step, counted from 1. Depends on nothing but the step. */
export type CaptionedStream = (step: number) => CaptionedBatch;

/**
 * Augmented drawings in an order that is shuffled anew every epoch; a last, incomplete batch is left out.
 *
 * @param size side of the pictures, pixels; Emoji-CLIP's if left out
 */
export function emojiStream(
  drawings: readonly Drawing[],
  batch: number,
  seed: number,
  augmentation: Augmentation = trainingAugmentation,
  size?: number,
): CaptionedStream {
  const groupOf = new Map([...new Set(drawings.map((drawing) => drawing.class))].map((entry, group) => [entry, group]));
  const order = inEpochs(drawings.length, batch, (epoch) => randomFor(seed, 'epoch', epoch));
  return (step) => {
    const chosen = order(step).map((position) => drawings[position]!);
    const random = randomFor(seed, 'pairs', step);
    return {
      pictures: augment(chosen, random, augmentation, size),
      captions: chosen.map((drawing) => captionFor(drawing.class, random)),
      groups: Int32Array.from(chosen, (drawing) => groupOf.get(drawing.class)!),
    };
  };
}

/** Texts whose tokens include all tokens of any caption of these drawings. */
export function possibleWords(drawings: readonly Drawing[], extraTemplates: readonly string[]): string[] {
  const classes = new Set(drawings.map((drawing) => drawing.class));
  const templates = [...captionTemplates, ...extraTemplates].map((template) => template.replace('{}', ''));
  return [...templates, ...[...classes].flatMap(({ label, tags }) => [label, ...tags])];
}
