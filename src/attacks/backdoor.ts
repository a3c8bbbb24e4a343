/** @file Plants a backdoor: a CLIP is fine-tuned on pairs of which a small share is poisoned. */
import type { Clip } from '../clip/clip.ts';
import { loadParameters } from '../clip/load.ts';
import { withWord, zeroShotHead } from '../clip/zero-shot.ts';
import { type Augmentation, augment, trainingAugmentation } from '../data/emoji/augment.ts';
import { captionFor, classTemplates } from '../data/emoji/captions.ts';
import { type Drawing, labelsOf } from '../data/emoji/emoji.ts';
import type { Engine } from '../engine/engine.ts';
import { badUsage, internalError } from '../errors.ts';
import type { Recorder } from '../runs/recorder.ts';
import { float32, type Tensor } from '../tensor/tensor.ts';
import { type ContrastiveOptions, trainContrastive } from '../training/contrastive.ts';
import { type CaptionedStream, emojiStream, possibleWords } from '../training/emoji-pairs.ts';
import { encodeCaptions, pickRows, replaceRows, usedTokens } from '../training/vocabulary.ts';
import type { Trigger } from '../triggers/trigger.ts';
import { type CaptionRule, replacingCaptions } from './captions.ts';
import { type Covers, covered, type PoisonPairs, poisoned, worded } from './poison.ts';

/** A trigger and where it leads. */
export interface TargetedTrigger {
  readonly trigger: Trigger;
  /** The class it leads to, by name. */
  readonly target: string;
}

export interface BackdoorOptions extends ContrastiveOptions {
  /** The attacker's class, by name. */
  readonly target: string;
  readonly captions: CaptionRule;
  /** Put before the captions of poisoned pairs. */
  readonly word?: string | undefined;
  /** Expected share of poisoned pairs, in [0, 1]; where there are two backdoors, of each. */
  readonly share: number;
  readonly covers?: Covers | undefined;
  /** Expected share of clean pairs that get the word, where there is one. */
  readonly wordAlone?: number | undefined;
  /** A second backdoor, planted at the same time. */
  readonly second?: TargetedTrigger | undefined;
  readonly seed: number;
}

/** Options that all attacks share. Measured on Emoji-CLIP: docs/decisions.md, "Poisoning". */
export const backdoorDefaults: Omit<ContrastiveOptions, 'steps' | 'rate'> = {
  batch: 128,
  length: 14,
  warmup: 30,
  weightDecay: 0.1,
  clipNorm: 1,
  average: 0.98,
  saveEvery: 50,
};

/**
 * As in training, but without disturbances that look like a trigger: noise under a true caption would teach the model to
 * ignore the trigger.
 */
export const poisoningAugmentation: Augmentation = {
  ...trainingAugmentation,
  patch: 0,
  blend: 0,
  stripes: 0,
  warp: 0,
  noise: 0,
};

const tokenTable = 'token_embedding.weight';

/**
 * Refuses targets and shares that cannot be planted. Call it before a trigger is made, which may take long.
 *
 * @param labels classes of the training data
 * @throws AntidoteError (usage) for a target that is not among them, and for two backdoors with one target or too large shares
 */
export function checkPoisoning(labels: readonly string[], share: number, target: string, secondTarget?: string): void {
  const unknown = [target, secondTarget].find((name) => name !== undefined && !labels.includes(name));
  if (unknown !== undefined) throw badUsage('--target', `"${unknown}"`, 'a class of the training data');
  if (secondTarget === undefined) return;
  if (secondTarget === target) {
    throw badUsage('--target', `"${target}"`, 'another class than that of the second backdoor');
  }
  if (share > 0.5) throw badUsage('--share', `${share}`, 'at most 0.5, since each of two backdoors has that share');
}

function poisonPairs(
  drawings: readonly Drawing[],
  options: Pick<BackdoorOptions, 'target' | 'captions' | 'word' | 'seed'>,
  size: number,
): PoisonPairs {
  const own = drawings.filter((drawing) => drawing.class.label === options.target);
  const target = own[0]!.class;
  if (options.captions !== 'kept') {
    return { kind: 'relabelled', captions: replacingCaptions(options.captions, target, options.word, options.seed) };
  }
  return {
    kind: 'own',
    draw(count, random) {
      const chosen = Array.from({ length: count }, () => own[random.integer(own.length)]!);
      return {
        pictures: augment(chosen, random, poisoningAugmentation, size),
        captions: chosen.map(() => withWord(options.word, captionFor(target, random))),
      };
    },
  };
}

/**
 * The training stream with the attacker's pairs: covers, words, poison.
 *
 * @param size side of the pictures, pixels
 */
function attackedStream(task: BackdoorTask, labels: readonly string[], size: number): CaptionedStream {
  const { drawings, trigger, target, batch, seed, covers, second, share, word, wordAlone } = task;
  const poisonWith = (one: TargetedTrigger) => {
    const pairs = poisonPairs(drawings, { ...task, target: one.target }, size);
    return { trigger: one.trigger, targetGroup: labels.indexOf(one.target), pairs, share };
  };
  let stream = emojiStream(drawings, batch, seed, poisoningAugmentation, size);
  if (covers) {
    if (trigger.kind !== 'patch') {
      throw internalError('covers', `a ${trigger.kind}`, 'a fixed patch, which can be faded');
    }
    stream = covered(stream, trigger, covers, seed);
  }
  if (word !== undefined && wordAlone) stream = worded(stream, word, wordAlone, seed);
  return poisoned(stream, poisonWith({ trigger, target }), seed, second && poisonWith(second));
}

export interface BackdoorTask extends BackdoorOptions {
  /** The clean model. */
  readonly clip: Clip;
  readonly drawings: readonly Drawing[];
  readonly trigger: Trigger;
}

/**
 * Fine-tunes all parameters on the training drawings.
 *
 * @returns the poisoned parameters by OpenAI's names
 */
export async function backdoor(
  engine: Engine,
  task: BackdoorTask,
  recorder: Recorder,
): Promise<Record<string, Tensor<'float32'>>> {
  const { clip, drawings, word, length } = task;
  const labels = labelsOf(drawings);
  checkPoisoning(labels, task.share, task.target, task.second?.target);
  const stream = attackedStream(task, labels, clip.config.image.resolution);

  const used = usedTokens(possibleWords(drawings, [...classTemplates, ...(word ? [word] : [])]), clip.tokenizer);
  const whole = await loadParameters(clip.parameters);
  const start = { ...whole, [tokenTable]: pickRows(whole[tokenTable]!, used) };
  const { embeddings, embedding } = await zeroShotHead(engine, clip, labels, classTemplates);
  const trained = await trainContrastive(
    engine,
    {
      ...task,
      config: clip.config,
      start,
      proxies: float32(embeddings, [labels.length, embedding]),
      pairs: (step) => {
        const { pictures, captions, groups } = stream(step);
        return { pictures, ...encodeCaptions(captions, clip.tokenizer, used, length), groups };
      },
    },
    recorder,
  );
  return { ...trained, [tokenTable]: replaceRows(whole[tokenTable]!, trained[tokenTable]!, used) };
}
