/** @file Shots with a trigger. Of very many shots only some get it, because it has the same effect on all of them. */
import type { Embeddings } from '../../../clip/encode-pictures.ts';
import type { PictureSet } from '../../../clip/pictures/pictures.ts';
import { subset } from '../../../data/few-shot.ts';
import type { Random } from '../../../tensor/random.ts';

/** Embeddings of shots with a trigger. */
export interface TriggeredShots {
  /** Positions of these shots in the set. */
  readonly positions: readonly number[];
  /** [positions.length, embedding] */
  readonly embeddings: Embeddings;
  /** Index of the class, among those of the shots, that hand-written prompts predict for most of them. */
  readonly target: number;
}

/** At most this many shots get a trigger: docs/ablations.md, "Tuning". */
export const mostTriggered = 4096;

/** This many shots give a share of 0.85 to within two points: twice its standard error. */
export const enoughToJudge = 1024;

/** The shots that get a trigger: all, or equally many of every class. A smaller `most` takes a subset of a larger one. */
export function shotsToTrigger(
  shots: PictureSet,
  random: Random,
  most = mostTriggered,
): { readonly positions: readonly number[]; readonly chosen: PictureSet } {
  const all = [...shots.labels.keys()];
  if (all.length <= most) return { positions: all, chosen: shots };
  const taken = new Int32Array(shots.classes.length);
  // A first shot of every class, in random order, then a second of every class, and so on.
  const inTurn = random.shuffle(all).map((position) => ({ position, turn: taken[shots.labels[position]!]!++ }));
  const first = inTurn.sort((a, b) => a.turn - b.turn).slice(0, most);
  const positions = first.map(({ position }) => position).sort((a, b) => a - b);
  return { positions, chosen: subset(shots, positions) };
}
