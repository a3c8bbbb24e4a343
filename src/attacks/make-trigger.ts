/** @file From an attack's recipe to its trigger: drawn at once, or optimised or trained on the drawings to be poisoned. */
import type { Clip } from '../clip/clip.ts';
import { encodePictures } from '../clip/encode-pictures.ts';
import { encodeTexts } from '../clip/encode-texts.ts';
import type { PictureSet, Pictures } from '../clip/pictures/pictures.ts';
import { logitScale, zeroShotHead } from '../clip/zero-shot.ts';
import { augment } from '../data/emoji/augment.ts';
import { classTemplates } from '../data/emoji/captions.ts';
import { type Drawing, labelsOf } from '../data/emoji/emoji.ts';
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

/** Number of views of the target's drawings that a patch is pulled towards. */
const positiveViews = 128;

/** Number of views drawn from one generator. Another number gives other views, and so another patch for BadCLIP. */
const viewsDrawnTogether = 64;

/** An attack on a model. */
export interface TriggerTask {
  readonly clip: Clip;
  /** The drawings that poisoning will train on. */
  readonly drawings: readonly Drawing[];
  readonly attack: Attack;
  /** The attacker's class, by name. */
  readonly target: string;
  /** Seed of the trigger only: the same for all poisonings that share it. */
  readonly seed: number;
}

/**
 * The trigger of an attack on this model.
 *
 * @throws the reason of `recorder.signal` when aborted, after saving
 */
export async function makeTrigger(engine: Engine, task: TriggerTask, recorder: Recorder): Promise<Trigger> {
  const { clip, drawings, target, seed } = task;
  const recipe = task.attack.trigger;
  const size = clip.config.image.resolution;
  const own = drawings.filter((drawing) => drawing.class.label === target);
  // Checked for every recipe: poisoning needs the class, and would fail only after the trigger has been made.
  if (own.length === 0) throw badUsage('--target', `"${target}"`, 'a class of the training data');
  switch (recipe.kind) {
    case 'drawn':
      return recipe.draw(size, seed);
    case 'optimised': {
      const { options } = recipe;
      // As published, the patch is optimised on pictures of other classes only.
      const others = drawings.filter((drawing) => drawing.class.label !== target);
      const stream = emojiStream(others, options.batch, seed, poisoningAugmentation, size);
      const goal = await goalFor(engine, task, own, recipe.goal);
      const pictures = (step: number) => stream(step).pictures;
      return optimisePatch(engine, { ...options, clip, pictures, goal, side: patchSide(size), seed }, recorder);
    }
    case 'trained': {
      const { options } = recipe;
      const stream = emojiStream(drawings, options.batch, seed, poisoningAugmentation, size);
      const pictures = (step: number) => stream(step).pictures;
      return trainSteganography(engine, { ...options, size, pictures, seed }, recorder);
    }
  }
}

/** @param own the drawings of the target */
async function goalFor(
  engine: Engine,
  { clip, drawings, seed }: TriggerTask,
  own: readonly Drawing[],
  goal: PatchGoalKind,
): Promise<PatchGoal> {
  const target = own[0]!.class;
  switch (goal.kind) {
    case 'class': {
      const labels = labelsOf(drawings);
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

/** Views of drawings of one class, augmented as in poisoning. */
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
