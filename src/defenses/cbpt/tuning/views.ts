/** @file Few shots are tuned on in several views: what is cropped and mirrored differently is harder to learn by heart. */
import { augmentPictures, type PictureAugmentation } from '../../../data/augment-pictures.ts';
import type { PictureSet } from '../../../data/pictures.ts';
import { randomFor } from '../../../tensor/random.ts';
import { sha256 } from '../../../tensor/sha256.ts';

/** Where there are so many pictures, further views would take more time than they are worth. */
const enoughPictures = 8192;

/**
 * CoOp's crop and mirror, and a little of what else a camera changes; milder than what CleanCLIP trains weights with. Where
 * classes differ by left and right or by colour alone, some views carry a wrong label.
 */
const viewAugmentation: PictureAugmentation = {
  crop: [0.6, 1],
  mirror: 0.5,
  colour: 0.3,
  grey: 0.1,
  blur: 0.1,
  noise: { share: 0, deviation: [0, 0] },
  erase: { share: 0, area: [0, 0] },
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
      const { dtype, shape, data } = await shots.read(
        positions.map((position) => position % count),
        decoders,
      );
      const [, ...picture] = shape;
      const length = data.length / positions.length;
      const changed = new Uint8Array(data.length);
      // Each draws for itself: a view is the same whatever is read beside it.
      positions.forEach((position, i) => {
        const one = { dtype, shape: [1, ...picture], data: data.subarray(i * length, (i + 1) * length) };
        const view = augmentPictures(one, randomFor(seed, 'view', position), viewAugmentation);
        changed.set(view.data, i * length);
      });
      return { dtype, shape, data: changed };
    },
  };
}
