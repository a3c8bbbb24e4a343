/** @file Few shots are tuned on in several views: what is cropped and coloured differently is harder to learn by heart. */
import type { Clip } from '../../../clip/clip.ts';
import type { Embeddings } from '../../../clip/encode-pictures.ts';
import { onePictureAtATime, type PictureSet } from '../../../clip/pictures/pictures.ts';
import { augmentPictures, leftAsTheyAre, type PictureAugmentation } from '../../../data/augment-pictures.ts';
import type { Engine } from '../../../engine/engine.ts';
import type { Recorder } from '../../../runs/recorder.ts';
import { randomFor } from '../../../tensor/random.ts';
import { sha256 } from '../../../tensor/sha256.ts';
import { joinRows } from '../../../tensor/tensor.ts';
import { cachedFeatures } from '../../features.ts';

/** Where there are so many pictures, further views would take more time than they are worth. */
const enoughPictures = 8192;

/**
 * CoOp's crop, and a little of what else a camera changes; milder than what CleanCLIP trains weights with. Not mirrored, as
 * CoOp's are: of a left arrow that makes a right one, with a wrong label (docs/method.md, "Tuning").
 */
const viewAugmentation: PictureAugmentation = {
  ...leftAsTheyAre,
  crop: [0.6, 1],
  colour: 0.3,
  grey: 0.1,
  blur: 0.1,
};

/**
 * How many views of each shot there are beside itself: none where shots are many already.
 *
 * @param most views of one shot, itself among them
 */
export function furtherViews(shots: number, most: number): number {
  return Math.max(0, Math.min(most, Math.floor(enoughPictures / shots)) - 1);
}

/** The further views of all shots: the first one of every shot, in their order, then the second one, and so on. */
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

/** Frozen features, and the classes of their rows. */
export interface Labelled {
  /** [rows, embedding] */
  readonly features: Embeddings;
  readonly labels: Int32Array;
}

/**
 * Features of the shots as they are and, behind them, of their further views.
 *
 * @param clean features of the shots
 */
export async function withViews(
  engine: Engine,
  clip: Clip,
  shots: PictureSet,
  clean: Embeddings,
  most: number,
  seed: number,
  recorder: Recorder,
): Promise<Labelled> {
  const views = viewsOf(shots, most, seed);
  if (views.labels.length === 0) return { features: clean, labels: shots.labels };
  const further = await cachedFeatures(engine, clip, views, 'views', recorder);
  return { features: joinRows(clean, further), labels: Int32Array.from([...shots.labels, ...views.labels]) };
}
