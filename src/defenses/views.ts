/** @file Augmented views of few shots: learned prompts and layers overfit less to pictures that are cropped and recoloured. */
import type { Embeddings } from '../clip/encode-pictures.ts';
import { onePictureAtATime, type PictureSet } from '../clip/pictures/pictures.ts';
import { augmentPictures, leftAsTheyAre, type PictureAugmentation } from '../data/augment-pictures.ts';
import { randomFor } from '../tensor/random.ts';
import { sha256 } from '../tensor/sha256.ts';
import { joinRows } from '../tensor/tensor.ts';
import type { Defender } from './defender.ts';
import { cachedFeatures } from './features.ts';

/** Views of each shot, the shot itself included, that defenses with a frozen image encoder learn from. */
export const defaultViews = 4;

/** With this many pictures, further views would take more time than they are worth. */
const enoughPictures = 8192;

/**
 * CoOp's crop, and slight versions of other changes that a camera makes; milder than CleanCLIP's. Unlike CoOp's, views are
 * not mirrored: a mirrored left arrow is a right arrow, with a wrong label (docs/ablations.md, "Tuning").
 */
const viewAugmentation: PictureAugmentation = {
  ...leftAsTheyAre,
  crop: [0.6, 1],
  colour: 0.3,
  grey: 0.1,
  blur: 0.1,
};

/**
 * Number of views of each shot besides the shot itself: none where shots are many already.
 *
 * @param most views of one shot, the shot itself included
 */
export function furtherViews(shots: number, most: number): number {
  return Math.max(0, Math.min(most, Math.floor(enoughPictures / shots)) - 1);
}

/** The further views of all shots: the first view of every shot, in their order, then the second, and so on. */
export function viewsOf(shots: PictureSet, most: number, seed: number): PictureSet {
  const count = shots.labels.length;
  const views = furtherViews(count, most);
  const repeated = (values: Int32Array) => Int32Array.from({ length: views * count }, (_, i) => values[i % count]!);
  return {
    ...shots,
    name: `views of ${shots.name}`,
    labels: repeated(shots.labels),
    ...(shots.sources && { sources: repeated(shots.sources) }),
    hash: sha256(JSON.stringify([shots.hash, 'views', views, viewAugmentation, seed])),
    async read(positions, decoders) {
      const before = await shots.read(
        positions.map((position) => position % count),
        decoders,
      );
      return onePictureAtATime(before, positions, (one, position) =>
        augmentPictures(one, randomFor(seed, 'view', position), viewAugmentation),
      );
    },
  };
}

/** Frozen features and the labels of their rows. */
export interface LabelledFeatures {
  /** [rows, embedding] */
  readonly features: Embeddings;
  readonly labels: Int32Array;
}

/**
 * Features of the unchanged shots, followed by those of their further views.
 *
 * @param clean features of the unchanged shots
 * @param most views of one shot, the shot itself included
 */
export async function withViews(defender: Defender, clean: Embeddings, most: number): Promise<LabelledFeatures> {
  const { shots, seed } = defender;
  const views = viewsOf(shots, most, seed);
  if (views.labels.length === 0) return { features: clean, labels: shots.labels };
  const further = await cachedFeatures(defender, views, 'views');
  return { features: joinRows(clean, further), labels: Int32Array.from([...shots.labels, ...views.labels]) };
}
