/** @file A whole attack on an emoji model: its triggers made, its backdoor planted, both models measured. */
import { join } from 'node:path';
import { openClip } from '../checkpoints/open.ts';
import { writeOpenClip } from '../checkpoints/write-open-clip.ts';
import type { Clip } from '../clip/clip.ts';
import { classTemplates } from '../data/emoji/captions.ts';
import { emojiClasses, readDrawings } from '../data/emoji/emoji.ts';
import { openPictureSet } from '../data/open.ts';
import type { Engine } from '../engine/engine.ts';
import { encodeTest, handWritten, measureHead } from '../evaluation/evaluate.ts';
import { type Percentages, percentages } from '../evaluation/metrics.ts';
import type { Recorder } from '../runs/recorder.ts';
import { writeTrigger } from '../triggers/file.ts';
import { writeTriggerPreview } from '../triggers/preview.ts';
import type { Trigger } from '../triggers/trigger.ts';
import { type AttackName, attacks } from './attacks.ts';
import { backdoor, backdoorDefaults, checkPoisoning, type TargetedTrigger } from './backdoor.ts';
import { makeTrigger, type TriggerTask } from './make-trigger.ts';
import { openThreat, pinnedSeed } from './threat.ts';

export interface AttackOptions {
  readonly attack: AttackName;
  /** The attacker's class, by name. */
  readonly target: string;
  /** Expected share of poisoned pairs, in (0, 1). */
  readonly share: number;
  readonly steps: number;
  /** Pairs in a step. */
  readonly batch: number;
  /** Peak learning rate. */
  readonly rate: number;
  readonly seed: number;
}

/** A poisoned model, and the files of its triggers, each of which names its target. */
export interface PlantedBackdoor {
  readonly poisoned: Clip;
  /** The folder of the model. */
  readonly folder: string;
  readonly trigger: string;
  /** The trigger of the second backdoor, where there are two. */
  readonly secondTrigger: string | undefined;
}

/**
 * Refuses options that cannot be planted, before anything is computed or written.
 *
 * @throws AntidoteError (usage)
 */
export async function checkAttack({ attack, target, share }: AttackOptions): Promise<void> {
  const labels = (await emojiClasses()).map(({ label }) => label);
  checkPoisoning(labels, share, target, attacks[attack].second?.target);
}

/**
 * Writes the triggers and the poisoned model into `directory`. The triggers are those of the built-in models wherever
 * the model is Emoji-CLIP: their seed is pinned.
 *
 * @throws the reason of `recorder.signal` when aborted, after saving
 */
export async function plantBackdoor(
  engine: Engine,
  clip: Clip,
  options: AttackOptions,
  directory: string,
  recorder: Recorder,
): Promise<PlantedBackdoor> {
  const { attack: name, target, share, steps, batch, rate, seed } = options;
  const attack = attacks[name];
  const drawings = await readDrawings(await emojiClasses());

  const trigger = join(directory, 'trigger.safetensors');
  const secondTrigger = attack.second && join(directory, 'second-trigger.safetensors');
  const { first, second } = await makeTriggers(engine, { clip, drawings, attack, target, seed: pinnedSeed }, recorder);
  const size = clip.config.image.resolution;
  const made = { size: String(size), ...(attack.word && { word: attack.word }) };
  await writeTrigger(trigger, first, { attack: name, target, ...made });
  await writeTriggerPreview(join(directory, 'trigger.png'), first, size);
  if (second && secondTrigger) {
    await writeTrigger(secondTrigger, second.trigger, {
      attack: second.attack,
      target: second.target,
      size: String(size),
    });
  }

  const { captions, word, covers, wordAlone } = attack;
  const poison = { trigger: first, target, captions, word, covers, wordAlone, share, second };
  const training = { ...backdoorDefaults, steps, batch, rate, seed };
  const parameters = await backdoor(engine, { ...training, ...poison, clip, drawings }, recorder);
  const folder = join(directory, 'model');
  const notes = { attack: name, target, poisoned_from: clip.sha256 };
  await writeOpenClip(folder, clip.config, parameters, 'float16', notes);
  return { poisoned: await openClip(folder), folder, trigger, secondTrigger };
}

interface Triggers {
  readonly first: Trigger;
  readonly second: (TargetedTrigger & { readonly attack: string }) | undefined;
}

async function makeTriggers(engine: Engine, task: TriggerTask, recorder: Recorder): Promise<Triggers> {
  const first = await makeTrigger(engine, task, recorder);
  const { second } = task.attack;
  if (!second) return { first, second };
  const { attack, target, draw } = second;
  return { first, second: { attack, target, trigger: draw(task.clip.config.image.resolution, task.seed) } };
}

type MeasuresInPercent = Readonly<Percentages>;

export type BackdoorMeasures = {
  /** Number of classes that the models choose from. */
  readonly classes: number;
  readonly clean: MeasuresInPercent;
  readonly poisoned: MeasuresInPercent;
  /** The poisoned model under the patch only and under the word only, where the trigger has both. */
  readonly keys: { readonly patch: MeasuresInPercent; readonly word: MeasuresInPercent } | null;
  /** The poisoned model under the second trigger, where there are two backdoors. */
  readonly second: MeasuresInPercent | null;
};

/** CA, ASR and RA of hand-written prompts on `emoji:test`, of the clean model and of the poisoned one. */
export async function measureBackdoor(
  engine: Engine,
  clean: Clip,
  { poisoned, trigger, secondTrigger }: PlantedBackdoor,
  seed: number,
  recorder: Recorder,
): Promise<BackdoorMeasures> {
  const { config } = clean;
  const set = await openPictureSet('emoji:test', { config });
  const measuresOf = async (clip: Clip, threatName: string): Promise<MeasuresInPercent> => {
    const threat = await openThreat(threatName, config.image.resolution);
    const head = await handWritten(engine, clip, set.classes, classTemplates, threat, recorder);
    const embeddings = await encodeTest(engine, clip, set, threat, seed, recorder);
    return percentages(measureHead(head, embeddings, threat));
  };
  const { word } = await openThreat(trigger, config.image.resolution);
  const keys =
    word === undefined
      ? null
      : { patch: await measuresOf(poisoned, `${trigger}:patch`), word: await measuresOf(poisoned, `${trigger}:word`) };
  return {
    classes: set.classes.length,
    clean: await measuresOf(clean, trigger),
    poisoned: await measuresOf(poisoned, trigger),
    keys,
    second: secondTrigger === undefined ? null : await measuresOf(poisoned, secondTrigger),
  };
}
