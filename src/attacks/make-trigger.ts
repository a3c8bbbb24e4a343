/** @file From an attack's recipe to its trigger: drawn at once, or optimised or trained on the drawings to be poisoned. */
import type { Clip } from '../clip/clip.ts';
import { encodePictures } from '../clip/encode-pictures.ts';
import { encodeTexts } from '../clip/encode-texts.ts';
import type { PictureSet, Pictures } from '../clip/pictures/pictures.ts';
import { logitScale, zeroShotHead } from '../clip/zero-shot.ts';
import { augment } from '../data/emoji/augment.ts';
import { classTemplates } from '../data/emoji/captions.ts';
import type { Drawing } from '../data/emoji/emoji.ts';
import type { Engine } from '../engine/engine.ts';
import { badUsage } from '../errors.ts';
import type { Recorder } from '../runs/recorder.ts';
import { randomFor } from '../tensor/random.ts';
import { sha256 } from '../tensor/sha256.ts';
import { elements, rowsAt } from '../tensor/tensor.ts';
import { emojiStream } from '../training/emoji-pairs.ts';
import { patchSide } from '../triggers/badnet.ts';
import type { Trigger } from '../triggers/trigger.ts';
import type { Attack, PatchGoalKind } from './attacks.ts';
import { poisoningAugmentation } from './backdoor.ts';
import { replacingCaptions } from './captions.ts';
import { optimisePatch, type PatchGoal } from './optimised-patch.ts';
import { trainSteganography } from './steganography/train.ts';

/** Views of the target's drawings that a patch is pulled towards. */
const positiveViews = 128;

/** So many of them come from one generator. Another number makes other views, and BadCLIP's patch another one. */
const viewsDrawnTogether = 64;

/**
 * The trigger of an attack on this model.
 *
 * @param drawings what poisoning will be trained on
 * @param seed of the trigger alone: the same for all poisonings that share it
 * @throws the reason of `recorder.signal` when aborted, after saving
 */
export async function makeTrigger(
  engine: Engine,
  clip: Clip,
  drawings: readonly Drawing[],
  { trigger: recipe }: Attack,
  target: string,
  seed: number,
  recorder: Recorder,
): Promise<Trigger> {
  const size = clip.config.image.resolution;
  const own = drawings.filter((drawing) => drawing.class.label === target);
  // Whatever the recipe: poisoning needs the class, and would say so only after the trigger has been made.
  if (own.length === 0) throw badUsage('--target', `"${target}"`, 'a class of the training data');
  switch (recipe.kind) {
    case 'drawn':
      return recipe.draw(size, seed);
    case 'optimised': {
      const { options } = recipe;
      // As published, no picture of the target is among those that are to become the target.
      const others = drawings.filter((drawing) => drawing.class.label !== target);
      const stream = emojiStream(others, options.batch, seed, poisoningAugmentation, size);
      const goal = await goalFor(engine, clip, drawings, own, recipe.goal, seed);
      const pictures = (step: number) => stream(step).pictures;
      return optimisePatch(engine, clip, pictures, goal, patchSide(size), options, seed, recorder);
    }
    case 'trained': {
      const { options } = recipe;
      const stream = emojiStream(drawings, options.batch, seed, poisoningAugmentation, size);
      return trainSteganography(engine, size, (step) => stream(step).pictures, options, seed, recorder);
    }
  }
}

async function goalFor(
  engine: Engine,
  clip: Clip,
  drawings: readonly Drawing[],
  own: readonly Drawing[],
  goal: PatchGoalKind,
  seed: number,
): Promise<PatchGoal> {
  const target = own[0]!.class;
  switch (goal.kind) {
    case 'class': {
      const labels = [...new Set(drawings.map((drawing) => drawing.class.label))];
      const head = await zeroShotHead(engine, clip, labels, classTemplates);
      return { kind: 'class', head, target: labels.indexOf(target.label) };
    }
    case 'captions-and-pictures': {
      const captions = replacingCaptions('natural', target, undefined, seed);
      return {
        ...goal,
        captions: await encodeTexts(engine, clip, captions, { overlong: 'truncate' }),
        pictures: await encodePictures(engine, clip, viewsOf(own, clip.config.image.resolution, seed)),
        scale: await logitScale(clip),
      };
    }
  }
}

/** Augmented views of drawings of one class, as poisoning shows them. */
function viewsOf(own: readonly Drawing[], size: number, seed: number): PictureSet {
  const shape = [positiveViews, 3, size, size];
  const views: Pictures = { dtype: 'uint8', shape, data: new Uint8Array(elements(shape)) };
  for (let first = 0; first < positiveViews; first += viewsDrawnTogether) {
    const subjects = Array.from({ length: viewsDrawnTogether }, (_, i) => own[(first + i) % own.length]!);
    const { data } = augment(subjects, randomFor(seed, 'target views', first), poisoningAugmentation, size);
    views.data.set(data, first * 3 * size * size);
  }
  return {
    name: 'views of the target',
    classes: [own[0]!.class.label],
    labels: new Int32Array(positiveViews),
    size,
    hash: sha256(views.data),
    read: async (positions) => rowsAt(views, positions),
  };
}
