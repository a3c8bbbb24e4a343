/** @file From the value of `--trigger` to the threat that a model is measured under. */
import { existsSync } from 'node:fs';
import { builtInTrigger } from '../checkpoints/built-in.ts';
import { classNamed, usualTarget } from '../data/classes.ts';
import { badData, badUsage } from '../errors.ts';
import type { Threat } from '../evaluation/evaluate.ts';
import { sha256 } from '../tensor/sha256.ts';
import { checkFit } from '../triggers/apply.ts';
import { readTrigger } from '../triggers/file.ts';
import { type Trigger, triggerRecord } from '../triggers/trigger.ts';
import { type AttackName, attackNames, attacks } from './attacks.ts';

/** Seed of the patterns in the built-in poisoned models. */
export const pinnedSeed = 1;

export interface NamedThreat extends Threat {
  /** Name of the attack, as a trigger file says it, or else the file's path; of one key of two with `:patch` or `:word`. */
  readonly attack: string;
  /** SHA-256 of trigger and word, hex. */
  readonly sha256: string;
}

/** The threat with its target as spelt in a class list: `Banana` and `banana` are one class. */
export function threatFor<T extends Threat>(threat: T, classes: readonly string[]): T {
  return { ...threat, target: classNamed(threat.target, classes) ?? threat.target };
}

/** Suffixes that select one of the two keys of a threat: `trojvqa:patch`. */
const keySuffixes = ['patch', 'word'] as const;
type KeySuffix = (typeof keySuffixes)[number];

/**
 * A built-in attack with the trigger of the built-in models, or a trigger file. After the name of a threat that has a patch
 * and a word, `:patch` and `:word` select one of them.
 *
 * @param size side of the model's pictures, pixels
 * @param target the attacker's class; may be left out for a trigger file that names it
 * @throws AntidoteError (data) if the trigger does not fit pictures of that size, or stands elsewhere in them
 */
export async function openThreat(nameOrPath: string, size: number, target?: string): Promise<NamedThreat> {
  const { whole, key } = withoutKey(nameOrPath);
  const threat = await wholeThreat(whole, size, target);
  checkFit(threat.trigger, size, `--trigger ${whole}`);
  return key ? oneKey(threat, key) : threat;
}

/** Splits `trojvqa:patch` into `trojvqa` and the key `patch`; a name without a suffix has no key. */
export function withoutKey(nameOrPath: string): { readonly whole: string; readonly key?: KeySuffix } {
  const key = keySuffixes.find((known) => nameOrPath.endsWith(`:${known}`));
  return key ? { whole: nameOrPath.slice(0, -key.length - 1), key } : { whole: nameOrPath };
}

async function wholeThreat(nameOrPath: string, size: number, target?: string): Promise<NamedThreat> {
  const name = attackNames.find((known) => known === nameOrPath);
  if (name) {
    const { trigger: recipe, word } = attacks[name];
    if (recipe.kind === 'drawn') return named(name, recipe.draw(size, pinnedSeed), target ?? usualTarget, word);
    return madeThreat(name, size, target);
  }
  if (!nameOrPath.endsWith('.safetensors')) {
    throw badUsage(
      '--trigger',
      `"${nameOrPath}"`,
      `one of ${attackNames.join(', ')}, or a trigger file (.safetensors)`,
    );
  }
  return threatOfFile(nameOrPath, size, target);
}

/** An attack whose trigger is not drawn by formula: the trigger of the built-in model. */
async function madeThreat(name: AttackName, size: number, target?: string): Promise<NamedThreat> {
  const path = builtInTrigger(name);
  if (!existsSync(path)) {
    throw badData(
      path,
      'no such file',
      `the trigger of emoji-clip:${name}`,
      `\`antidote attack emoji-clip --attack ${name}\` makes one; then give its trigger.safetensors as --trigger`,
    );
  }
  return threatOfFile(path, size, target);
}

async function threatOfFile(path: string, size: number, target?: string): Promise<NamedThreat> {
  const { trigger, notes } = await readTrigger(path);
  if (notes.size !== undefined && Number(notes.size) !== size && hasFixedPlace(trigger)) {
    const expected = `one for ${size} x ${size}, the size of the model's pictures`;
    const advice = 'its place is in pixels from a corner: it was made for another model';
    throw badData(path, `a trigger for pictures of ${notes.size} x ${notes.size}`, expected, advice);
  }
  const known = target ?? notes.target;
  if (known === undefined) throw badUsage('--target', 'nothing', `the attacker's class, which ${path} does not say`);
  if (notes.word !== undefined && !/^\S+$/.test(notes.word)) {
    throw badData(path, `the word ${JSON.stringify(notes.word.slice(0, 40))}`, 'one word, without spaces');
  }
  return named(notes.attack ?? path, trigger, known, notes.word);
}

/** Triggers without a place either fit every size or are as large as the picture. */
const hasFixedPlace = (trigger: Trigger): boolean => 'placement' in trigger && typeof trigger.placement !== 'string';

function oneKey({ attack, trigger, target, word }: NamedThreat, suffix: KeySuffix): NamedThreat {
  if (word === undefined) {
    throw badUsage('--trigger', `":${suffix}" after ${attack}`, 'it after a threat that has a patch and a word');
  }
  const name = `${attack}:${suffix}`;
  return suffix === 'patch' ? named(name, trigger, target) : named(name, { kind: 'none' }, target, word);
}

function named(attack: string, trigger: Trigger, target: string, word?: string): NamedThreat {
  const record = triggerRecord(trigger);
  const identity = word === undefined ? record : `${record} ${word}`;
  return { attack, trigger, target, ...(word !== undefined && { word }), sha256: sha256(identity) };
}
