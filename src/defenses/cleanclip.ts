/** @file CleanCLIP: fine-tuning that also pulls every picture to its own augmented copy, and every caption to its own. */
import { addedWords, augmentCaption } from '../data/augment-captions.ts';
import { augmentPictures, type PictureAugmentation } from '../data/augment-pictures.ts';
import { crossEntropy } from '../graph/composites.ts';
import { add, mul } from '../graph/elementwise.ts';
import { slice, transpose } from '../graph/layout.ts';
import { constant } from '../graph/leaves.ts';
import { matMul } from '../graph/linear-algebra.ts';
import type { Value } from '../graph/value.ts';
import { float32, joinRows } from '../tensor/tensor.ts';
import { adamDefaults } from '../training/adam.ts';
import { symmetricContrast } from '../training/contrastive.ts';
import { warmupCosine } from '../training/schedule.ts';
import type { BlindDefense } from './defense.ts';
import { type FineTuneOptions, warmup } from './fine-tune.ts';
import { type PairedBatch, scaled, tuneWeights, type Views } from './recipe.ts';

export interface CleanClipOptions extends FineTuneOptions {
  /** Weight of the image-text contrast. */
  readonly pairWeight: number;
  /** Weight of the self-supervision within pictures and within captions. */
  readonly selfWeight: number;
}

/**
 * In place of torchvision's AutoAugment, whose policy was learned for ImageNet: its kinds of change, and the crop and mirror
 * that are standard in self-supervision (SimCLR, arXiv 2002.05709).
 */
const pictureAugmentation: PictureAugmentation = {
  crop: [0.5, 1],
  mirror: 0.5,
  colour: 0.8,
  grey: 0.1,
  blur: 0.2,
  noise: { share: 0.3, deviation: [4, 20] },
  erase: { share: 0.3, area: [0.02, 0.1] },
};

export const cleanClip: BlindDefense<CleanClipOptions> = {
  knows: 'shots',
  summary: 'all weights fine-tuned on the shots with the image-text contrast and self-supervision in each modality',
  source: 'Bansal et al., CleanCLIP (arXiv 2303.03323): both losses with weight 1, AdamW 0.1; scaled as recipe.ts says',
  defaults: { ...scaled, rate: 1e-3, warmup, weightDecay: 0.1, pairWeight: 1, selfWeight: 1 },
  run: (task, options) =>
    tuneWeights(task, options, {
      stage: 'cleanclip',
      copies: 2,
      views: withCopies,
      addedWords,
      // EDA adds one word to captions of fewer than twenty.
      addedTokens: 1,
      loss: (batch) => cleanClipLoss(batch, options),
      adam: adamDefaults,
      rate: (step) => warmupCosine(step, options.steps, options.rate, options.warmup),
    }),
};

/** The pairs, followed by an augmented copy of each. The paper augments captions once; here every step does. */
function withCopies({ pictures, captions }: Views, random: Parameters<typeof augmentPictures>[1]): Views {
  const copies = augmentPictures(pictures, random, pictureAugmentation);
  return {
    pictures: joinRows(pictures, copies),
    captions: [...captions, ...captions.map((caption) => augmentCaption(caption, random))],
  };
}

/**
 * The contrast of the pairs, and half of the contrast within each modality. A picture matches only its own copy. Captions of
 * one class mean the same, so they match each other, as in the image-text contrast. (The paper's captions are all
 * different, so both are one to one there.)
 */
export function cleanClipLoss(
  { images, texts, scale, targets, pairs }: PairedBatch,
  { pairWeight, selfWeight }: Pick<CleanClipOptions, 'pairWeight' | 'selfWeight'>,
) {
  const own = constant(float32(identity(pairs), [pairs, pairs]));
  const [pictures, pictureCopies] = halves(images, pairs);
  const [captions, captionCopies] = halves(texts, pairs);
  const pair = symmetricContrast(pictures, captions, scale, targets);
  const within = (rows: Value, copies: Value, matching: Value) =>
    crossEntropy(mul(matMul(rows, transpose(copies, [1, 0])), scale), matching);
  const self = mul(add(within(pictures, pictureCopies, own), within(captions, captionCopies, targets)), 0.5);
  return { loss: add(mul(pair, pairWeight), mul(self, selfWeight)), pair, self };
}

function halves(rows: Value, count: number): readonly [Value, Value] {
  return [slice(rows, 0, 0, count), slice(rows, 0, count, 2 * count)];
}

function identity(count: number): Float32Array {
  const data = new Float32Array(count * count);
  for (let i = 0; i < count; i++) data[i * count + i] = 1;
  return data;
}
