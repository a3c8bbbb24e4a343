/** @file What a defense is: from a model and a few labelled clean pictures to a cure. All are run and measured alike. */
import { openClip } from '../checkpoints/open.ts';
import { writeOpenClip } from '../checkpoints/write-open-clip.ts';
import type { Clip, Head } from '../clip/clip.ts';
import { zeroShotHead } from '../clip/zero-shot.ts';
import { badUsage } from '../errors.ts';
import { type AttackedHead, handWrittenUnderAttack, type Threat } from '../evaluation/evaluate.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Inversion } from './cbpt/inversion/dummy-triggers.ts';
import type { Defender } from './defender.ts';
import type { SeenShots } from './seen-shots.ts';

/** The input of every defense. It says nothing about the trigger or the attacker's target class. */
export interface DefenseTask extends Defender {
  /** Hand-written prompts, with which the model classifies, before and after its weights are changed. */
  readonly templates: readonly string[];
  /** The prompt, among them or not, from which a defense with a single prompt starts. */
  readonly prompt: string;
}

/** The result of a defense. */
export type Cure =
  /** A classifier over the untouched image encoder. */
  | HeadCure
  /** New weights of the whole model, under OpenAI's names. */
  | { readonly kind: 'model'; readonly parameters: Readonly<Record<string, Tensor<'float32'>>> };

export interface HeadCure {
  readonly kind: 'head';
  readonly head: Head;
  /** The findings of stage 1, where the method inverts a trigger. */
  readonly inversion?: SeenShots & Inversion;
  /**
   * The same head with a word before its prompts, for an attacker whose trigger includes a word. Absent where the head
   * is not made of prompts, so that no word affects it.
   */
  readonly withWord?: (word: string) => Promise<Head>;
}

interface Described<Options extends object> {
  /** One line. */
  readonly summary: string;
  /** Where method and recipe were published, and which parts are ours. */
  readonly source: string;
  /** The recipe: plain data, which can be stored, hashed and changed. */
  readonly defaults: Options;
}

/** A defense that uses only what a defender has, or nothing but the model: then it is the same for all shots and seeds. */
export interface BlindDefense<Options extends object = object> extends Described<Options> {
  readonly knows: 'shots' | 'nothing';
  run(task: DefenseTask, options: Options): Promise<Cure>;
}

/** A control that also knows the threat. It shows the best result that a method could reach; it is no defense. */
export interface OracleDefense<Options extends object = object> extends Described<Options> {
  readonly knows: 'threat';
  run(task: DefenseTask, options: Options, threat: Threat): Promise<Cure>;
}

export type Defense<Options extends object = object> = BlindDefense<Options> | OracleDefense<Options>;

/**
 * Runs any defense. Only oracles see the threat, so callers may pass it whenever they know it.
 *
 * @param options the defense's defaults, or a changed copy
 */
export async function defend<Options extends object>(
  defense: Defense<Options>,
  task: DefenseTask,
  options: Options = defense.defaults,
  threat?: Threat,
): Promise<Cure> {
  switch (defense.knows) {
    case 'nothing':
    case 'shots':
      return defense.run(task, options);
    case 'threat':
      if (!threat) throw badUsage('an oracle', 'no trigger', 'the true trigger', 'give --trigger');
      return defense.run(task, options, threat);
  }
}

/** The classifier that a cure yields: a CLIP that encodes pictures, and a head over it. */
export interface Classifying extends AttackedHead {
  readonly clip: Clip;
}

/**
 * Turns a cure into a classifier that can be measured. New weights are written to `folder` as an open_clip model, in full
 * precision, and classify with the task's hand-written prompts; a head needs no folder.
 *
 * @param folder new or empty: an engine may have mapped the weights of an older model
 * @param threat the threat of the measurement; only its word matters
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
      // The layout supports CLIP's own tokenizer only; the model's may differ.
      const cured = { ...(await openClip(folder)), tokenizer: clip.tokenizer };
      const head = await zeroShotHead(engine, cured, shots.classes, templates);
      return { clip: cured, ...(await handWrittenUnderAttack(engine, cured, head, templates, threat)) };
    }
  }
}
