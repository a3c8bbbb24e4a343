/** @file PAR, Perturb and Recover: embeddings are pushed away from the original ones, while the contrast keeps their meaning. */
import { imageTower } from '../clip/image-tower.ts';
import { textTower, tokenEmbedding } from '../clip/text-tower.ts';
import { augmentPictures, leftAsTheyAre, type PictureAugmentation } from '../data/augment-pictures.ts';
import { l2Normalize } from '../graph/composites.ts';
import { add, greater, mul, square, stopGradient, sub, where } from '../graph/elementwise.ts';
import { mean, sum } from '../graph/reduction.ts';
import type { Value } from '../graph/value.ts';
import { adamDefaults } from '../training/adam.ts';
import { symmetricContrast } from '../training/contrastive.ts';
import type { BlindDefense } from './defense.ts';
import { type Recipe, scaled, tuneWeights } from './recipe.ts';

export interface ParOptions extends Recipe {
  /** Weight of the distance from the original embeddings. */
  readonly driftWeight: number;
  /** Mean squared distance up to which embeddings are pushed, tau; at most 4 is possible. */
  readonly enough: number;
}

/**
 * Gaussian noise of 0.2 on the pixel range, and a small part erased: half of the pictures each. (The published code keeps
 * only the positive half of the noise; here it has both.)
 */
const pictureAugmentation: PictureAugmentation = {
  ...leftAsTheyAre,
  noise: { share: 0.5, deviation: [0.2 * 255, 0.2 * 255] },
  erase: { share: 0.5, area: [0.005, 0.01] },
};

export const par: BlindDefense<ParOptions> = {
  knows: 'shots',
  summary: 'all weights fine-tuned on the shots while embeddings are pushed away from the poisoned ones',
  source:
    'Perturb and Recover (arXiv 2412.00727): 0.5 of the squared distance up to 2.15, AdamW (0.9, 0.98) 1e-4; scaled as recipe.ts says',
  defaults: { ...scaled, rate: 1e-4, weightDecay: 1e-4, driftWeight: 0.5, enough: 2.15 },
  run: (task, options) => {
    const { config } = task.clip;
    return tuneWeights(task, options, {
      stage: 'par',
      copies: 1,
      views: ({ pictures, captions }, random) => ({
        pictures: augmentPictures(pictures, random, pictureAugmentation),
        captions,
      }),
      addedWords: [],
      addedTokens: 0,
      loss: ({ images, texts, scale, targets, pixels, ids, ends, before }) => {
        // The original embeddings are those at inference: running statistics, not the batch's.
        const imagesBefore = l2Normalize(imageTower(config, before, pixels));
        const textsBefore = l2Normalize(textTower(config, before, tokenEmbedding(before, ids), ends));
        // As in the published code, the logit scale is a number and is not trained.
        const pair = symmetricContrast(images, texts, stopGradient(scale), targets);
        const imageDrift = drift(images, imagesBefore, options.enough);
        const textDrift = drift(texts, textsBefore, options.enough);
        const loss = sub(pair, mul(add(imageDrift, textDrift), options.driftWeight));
        return { loss, pair, imageDrift, textDrift };
      },
      adam: { ...adamDefaults, beta2: 0.98 },
      rate: (step) => parRate(step, options.steps, options.rate),
    });
  },
};

/** Mean squared distance of corresponding unit rows; 0, without a gradient, above `enough`. */
export function drift(now: Value, before: Value, enough: number): Value {
  const distance = mean(sum(square(sub(now, before)), [1]));
  return where(greater(distance, enough), 0, distance);
}

/**
 * Linear from the peak to a tenth of it over the first half, then half a cosine to almost zero: 3e-5, 3e-6 and 1e-9 in the
 * paper.
 *
 * @param step counts from 1 to `steps`
 */
export function parRate(step: number, steps: number, peak: number): number {
  const [middle, last] = [peak / 10, peak / 30_000];
  const progress = (step - 1) / Math.max(1, steps - 1);
  if (progress <= 0.5) return peak + (middle - peak) * 2 * progress;
  return last + ((middle - last) * (1 + Math.cos(Math.PI * (2 * progress - 1)))) / 2;
}
