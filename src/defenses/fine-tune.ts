/** @file FT: plain fine-tuning of the whole CLIP on clean pairs, so that it forgets the backdoor. */
import { adamDefaults } from '../training/adam.ts';
import { symmetricContrast } from '../training/contrastive.ts';
import { warmupCosine } from '../training/schedule.ts';
import type { BlindDefense } from './defense.ts';
import { type Recipe, scaled, tuneWeights } from './recipe.ts';

export interface FineTuneOptions extends Recipe {
  readonly warmup: number;
}

/** CleanCLIP's warm-up, 50 of 15,625 steps, scaled and rounded up. */
export const warmup = 1;

export const fineTune: BlindDefense<FineTuneOptions> = {
  knows: 'shots',
  summary: 'all weights fine-tuned on the shots with the image-text contrast',
  source: "CleanCLIP's fine-tuning without its self-supervision (arXiv 2303.03323), scaled as recipe.ts says",
  defaults: { ...scaled, rate: 1e-3, warmup, weightDecay: 0.1 },
  run: (task, options) =>
    tuneWeights(task, options, {
      stage: 'fine-tune',
      copies: 1,
      views: (pairs) => pairs,
      addedWords: [],
      addedTokens: 0,
      loss: ({ images, texts, scale, targets }) => ({ loss: symmetricContrast(images, texts, scale, targets) }),
      adam: adamDefaults,
      rate: (step) => warmupCosine(step, options.steps, options.rate, options.warmup),
    }),
};
