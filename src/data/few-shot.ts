/** @file Few-shot sets: k labelled pictures of every class, drawn as in CoOp. */
import type { PictureSet } from '../clip/pictures/pictures.ts';
import { badData, badUsage } from '../errors.ts';
import { randomFor } from '../tensor/random.ts';
import { sha256 } from '../tensor/sha256.ts';
import { PythonRandom } from './python-random.ts';

export interface ShotOptions {
  /** Pictures of every class. */
  readonly perClass: number;
  readonly seed: number;
}

/** A source of shots: a picture set, or the listing of one. */
export type ShotPool = Pick<PictureSet, 'name' | 'classes' | 'labels' | 'shotRule'>;

/**
 * Positions of up to `perClass` pictures of every class, without repetition, by the rule of the pool; a class that has
 * fewer gives all it has (CoOp's rule, `generate_fewshot_dataset` with its default).
 *
 * @throws AntidoteError (data) for a class without any picture
 */
export function chooseShots({ name, classes, labels, shotRule }: ShotPool, shots: ShotOptions): readonly number[] {
  const { perClass } = shots;
  if (!(Number.isInteger(perClass) && perClass >= 1))
    throw badUsage('--shots', `${perClass}`, 'a whole number from 1 on');
  const positions: number[][] = classes.map(() => []);
  labels.forEach((label, position) => {
    positions[label]!.push(position);
  });
  const missing = positions.findIndex((own) => own.length === 0);
  if (missing >= 0) {
    throw badData(
      name,
      `no picture of "${classes[missing]}"`,
      'at least one of every class',
      'leave the class out or add pictures',
    );
  }
  return shotRule === 'coop' ? coopShots(positions, shots) : ownShots(positions, classes, shots);
}

/**
 * Every class has its own generator, so its shots do not depend on the other classes. Class by class, ascending within
 * each.
 */
function ownShots(
  positions: readonly (readonly number[])[],
  classes: readonly string[],
  { perClass, seed }: ShotOptions,
): readonly number[] {
  return positions.flatMap((own, label) => {
    if (own.length <= perClass) return own;
    const drawn = randomFor(seed, 'shots', classes[label]!).shuffle(own).slice(0, perClass);
    return drawn.sort((a, b) => a - b);
  });
}

/**
 * The same pictures that CoOp draws for its `SEED` (Dassl's `generate_fewshot_dataset` on Python's `random`): class by class
 * in the order of their first pictures.
 */
function coopShots(positions: readonly (readonly number[])[], { perClass, seed }: ShotOptions): readonly number[] {
  const random = new PythonRandom(seed);
  const asTheyCome = positions.toSorted(([a], [b]) => a! - b!);
  return asTheyCome.flatMap((own) =>
    own.length < perClass ? own : random.sample(own.length, perClass).map((index) => own[index]!),
  );
}

/**
 * The same pictures, a share of them with a wrong label: a rounded number, drawn at random, each with one of the other
 * classes, all equally likely. For measuring the effect of wrong labels on a method.
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

/** The set of the pictures at `positions`, in that order. */
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
