/** @file Shots with a trigger: of very many shots only some, for the trigger does to all of them the same. */
import type { Embeddings } from '../../../clip/encode-pictures.ts';
import type { PictureSet } from '../../../clip/pictures/pictures.ts';
import { subset } from '../../../data/few-shot.ts';
import type { Random } from '../../../tensor/random.ts';

/** Embeddings of shots with a trigger. */
export interface TriggeredShots {
  /** Which shots: their positions in the set. */
  readonly positions: readonly number[];
  /** [positions.length, embedding] */
  readonly embeddings: Embeddings;
  /** Index of the class, among those of the shots, that hand-written prompts take most of them for. */
  readonly target: number;
}

/** More shots than this do not get a trigger: docs/method.md, "Tuning". */
export const mostTriggered = 4096;

/** Where a trigger sends so many of them is known to two points: twice the standard error of a share of 0.85. */
export const enoughToJudge = 1024;

/** The shots that get a trigger: all, or of every class as many as of the others. Those of a smaller `most` are among them. */
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
