/** @file Whatever `--trigger` may name, as the threat that a model is measured under. */
import { badUsage } from '../errors.ts';
import type { Threat } from '../evaluation/evaluate.ts';
import { sha256 } from '../tensor/sha256.ts';
import { readTrigger } from '../triggers/file.ts';
import { attackNames, attacks } from './attacks.ts';

/** Seed of the patterns that the built-in poisoned models were trained with. */
export const pinnedSeed = 1;

export interface NamedThreat extends Threat {
  /** Name of the attack, or the trigger file's path. */
  readonly attack: string;
  /** SHA-256 of what the trigger is, hex. */
  readonly sha256: string;
}

/**
 * A built-in attack with the trigger of the built-in models, or a trigger file.
 *
 * @param size side of the model's pictures, pixels
 * @param target the attacker's class; a trigger file may know it itself
 */
export async function openThreat(nameOrPath: string, size: number, target?: string): Promise<NamedThreat> {
  const name = attackNames.find((known) => known === nameOrPath);
  if (name) return named(name, attacks[name].trigger(size, pinnedSeed), target ?? 'banana');
  if (!nameOrPath.endsWith('.safetensors')) {
    throw badUsage(
      '--trigger',
      `"${nameOrPath}"`,
      `one of ${attackNames.join(', ')}, or a trigger file (.safetensors)`,
    );
  }
  const { trigger, notes } = await readTrigger(nameOrPath);
  const known = target ?? notes.target;
  if (known === undefined)
    throw badUsage('--target', 'nothing', `the attacker's class, which ${nameOrPath} does not say`);
  return named(notes.attack ?? nameOrPath, trigger, known);
}

function named(attack: string, trigger: NamedThreat['trigger'], target: string): NamedThreat {
  const record = JSON.stringify(trigger, (_, value) =>
    ArrayBuffer.isView(value) ? sha256(value as Uint8Array) : value,
  );
  return { attack, trigger, target, sha256: sha256(record) };
}
