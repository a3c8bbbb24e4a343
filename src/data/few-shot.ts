/** @file k labelled pictures of every class, drawn as CoOp does. */
import { badData, badUsage } from '../errors.ts';
import { randomFor } from '../tensor/random.ts';
import { sha256 } from '../tensor/sha256.ts';
import type { PictureSet } from './pictures.ts';

export interface ShotOptions {
  /** Pictures of every class. */
  readonly perClass: number;
  readonly seed: number;
}

/**
 * Positions of up to `perClass` pictures of every class, without repetition; a class that has fewer gives all it has
 * (CoOp's rule, `generate_fewshot_dataset` with its default). Every class draws from its own generator, so its shots do
 * not depend on which other classes there are. Class by class, ascending within each.
 *
 * @param labels index into `classes` for every picture
 * @param where what error messages call the data
 * @throws AntidoteError (data) for a class without any picture
 */
export function chooseShots(
  where: string,
  labels: Int32Array,
  classes: readonly string[],
  { perClass, seed }: ShotOptions,
): readonly number[] {
  if (!(Number.isInteger(perClass) && perClass >= 1))
    throw badUsage('--shots', `${perClass}`, 'a whole number from 1 on');
  const positions: number[][] = classes.map(() => []);
  labels.forEach((label, position) => {
    positions[label]!.push(position);
  });
  return positions.flatMap((own, label) => {
    const name = classes[label]!;
    if (own.length === 0) {
      throw badData(
        where,
        `no picture of "${name}"`,
        'at least one of every class',
        'leave the class out or add pictures',
      );
    }
    if (own.length <= perClass) return own;
    const drawn = randomFor(seed, 'shots', name).shuffle(own).slice(0, perClass);
    return drawn.sort((a, b) => a - b);
  });
}

/**
 * The same pictures, of which a share carries a wrong label: whole pictures, rounded, drawn at random; each gets any of
 * the other classes, all equally likely. For asking what careless labels do to a method.
 *
 * @param share in [0, 1)
 */
export function mislabelled(set: PictureSet, share: number, seed: number): PictureSet {
  const random = randomFor(seed, 'wrong labels');
  const wrong = random.shuffle([...set.labels.keys()]).slice(0, Math.round(share * set.labels.length));
  const labels = set.labels.slice();
  for (const position of wrong) {
    const other = random.integer(set.classes.length - 1);
    labels[position] = other < labels[position]! ? other : other + 1;
  }
  return { ...set, labels, hash: sha256(JSON.stringify([set.hash, 'labels', ...labels])) };
}

/** The pictures at `positions` as a set of their own, in that order. */
export function subset(set: PictureSet, positions: readonly number[]): PictureSet {
  const { labels, sources } = set;
  return {
    ...set,
    labels: Int32Array.from(positions, (position) => labels[position]!),
    ...(sources && { sources: Int32Array.from(positions, (position) => sources[position]!) }),
    hash: sha256(JSON.stringify([set.hash, positions])),
    read: (inner, decoders) =>
      set.read(
        inner.map((position) => positions[position]!),
        decoders,
      ),
  };
}
