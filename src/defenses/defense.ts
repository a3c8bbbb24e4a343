/** @file What a defense is: from a model and a few labelled clean pictures to a cure. All are run and measured alike. */
import { openClip } from '../checkpoints/open.ts';
import { writeOpenClip } from '../checkpoints/write-open-clip.ts';
import type { Clip, Head } from '../clip/clip.ts';
import type { PictureSet } from '../clip/pictures/pictures.ts';
import { zeroShotHead } from '../clip/zero-shot.ts';
import type { Engine } from '../engine/engine.ts';
import { badUsage } from '../errors.ts';
import { handWrittenUnder, type Threat } from '../evaluation/evaluate.ts';
import type { Recorder } from '../runs/recorder.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Inversion } from './cbpt/inversion/dummy-triggers.ts';
import type { SeenShots } from './cbpt/seen-shots.ts';

/** What every defense is given, the same for all. Nothing here tells of the trigger or of the attacker's class. */
export interface DefenseTask {
  readonly engine: Engine;
  /** The model that may be poisoned. */
  readonly clip: Clip;
  /** A few labelled clean pictures of every class: all the data there is. */
  readonly shots: PictureSet;
  /** Hand-written prompts: what the model classifies with as it is, and what a model with new weights goes on with. */
  readonly templates: readonly string[];
  /** The one of them, or beside them, that a defense with a single prompt starts from. */
  readonly prompt: string;
  readonly seed: number;
  readonly recorder: Recorder;
}

/** What a defense leaves behind. */
export type Cure =
  /** A classifier over the untouched image encoder. */
  | HeadCure
  /** New weights for the whole model, by OpenAI's names. */
  | { readonly kind: 'model'; readonly parameters: Readonly<Record<string, Tensor<'float32'>>> };

export interface HeadCure {
  readonly kind: 'head';
  readonly head: Head;
  /** What stage 1 found, where the method inverts a trigger. */
  readonly inversion?: SeenShots & Inversion;
  /**
   * The same head with a word before its prompts, as an attacker says them whose trigger is partly a word. Left out where
   * the head is not made of prompts: there no word reaches it.
   */
  readonly withWord?: (word: string) => Promise<Head>;
}

interface Described<Options extends object> {
  /** One line for people. */
  readonly summary: string;
  /** Where method and recipe were published, and what of them is ours. */
  readonly source: string;
  /** The recipe; plain data, so that it can be written down, hashed and changed. */
  readonly defaults: Options;
}

/** A defense that works with what a defender has. */
export interface BlindDefense<Options extends object = object> extends Described<Options> {
  readonly knows: 'shots';
  run(task: DefenseTask, options: Options): Promise<Cure>;
}

/** A control that is told what only the attacker knows. It shows what a method could reach at best; it is no defense. */
export interface OracleDefense<Options extends object = object> extends Described<Options> {
  readonly knows: 'threat';
  run(task: DefenseTask, options: Options, threat: Threat): Promise<Cure>;
}

export type Defense<Options extends object = object> = BlindDefense<Options> | OracleDefense<Options>;

/**
 * Runs any defense. The threat goes to oracles alone, so it may be given whenever it is known.
 *
 * @param options the defense's own defaults, or these with changes
 */
export async function defend<Options extends object>(
  defense: Defense<Options>,
  task: DefenseTask,
  options: Options = defense.defaults,
  threat?: Threat,
): Promise<Cure> {
  switch (defense.knows) {
    case 'shots':
      return defense.run(task, options);
    case 'threat':
      if (!threat) throw badUsage('an oracle', 'no trigger', 'the true trigger', 'give --trigger');
      return defense.run(task, options, threat);
  }
}

/** The classifier that a cure comes to: a CLIP that encodes pictures, and a head over it. */
export interface Classifying {
  readonly clip: Clip;
  readonly head: Head;
  /** The head while the attack is on: with the threat's word before its prompts, where there are both. */
  readonly underAttack: Head;
}

/**
 * Makes a cure ready to be measured like any model. New weights are written to `folder` as an open_clip model, in full
 * precision, and classify with the task's hand-written prompts; a head needs no folder.
 *
 * @param folder not yet there: weights that an engine may have mapped must not change under it
 * @param threat what it will be measured under; only its word is looked at
 */
export async function classifierOf(
  { engine, clip, shots, templates }: Pick<DefenseTask, 'engine' | 'clip' | 'shots' | 'templates'>,
  cure: Cure,
  folder: string,
  threat?: Threat,
): Promise<Classifying> {
  switch (cure.kind) {
    case 'head': {
      const { head, withWord } = cure;
      const word = threat?.word;
      return { clip, head, underAttack: word !== undefined && withWord ? await withWord(word) : head };
    }
    case 'model': {
      await writeOpenClip(folder, clip.config, cure.parameters, 'float32', { made_from: clip.sha256 });
      // The layout knows CLIP's own tokenizer only; the model's may be another.
      const cured = { ...(await openClip(folder)), tokenizer: clip.tokenizer };
      const head = await zeroShotHead(engine, cured, shots.classes, templates);
      return { clip: cured, head, underAttack: await handWrittenUnder(engine, cured, head, templates, threat) };
    }
  }
}
