/** @file `antidote attack MODEL`: plant a backdoor, to have something to defend against. */
import { buildCommand } from '@stricli/core';
import { type AttackName, attackNames, attacks, type Poisoning } from '../../attacks/attacks.ts';
import { backdoorDefaults } from '../../attacks/backdoor.ts';
import { usualTarget } from '../../data/classes.ts';
import { badUsage } from '../../errors.ts';
import { attackLines, describeAttacks } from '../attack-list.ts';
import { type CliContext, printResult } from '../context.ts';
import {
  type EngineFlags,
  engineFlags,
  type OutputFlags,
  outputFlags,
  type RunFlags,
  runFlags,
  wholeNumber,
} from '../flags.ts';
import { startJob } from '../job.ts';
import { modelArgument } from '../task-flags.ts';

interface Flags extends OutputFlags, EngineFlags, RunFlags {
  readonly list: boolean;
  readonly attack: AttackName;
  readonly target: string;
  readonly share?: number;
  readonly steps?: number;
  readonly batch: number;
  readonly rate?: number;
}

export const attack = buildCommand<Flags, [string?], CliContext>({
  docs: {
    brief: 'Plant a backdoor in an emoji model, for research and teaching; --list explains the attacks',
    fullDescription:
      'Fine-tunes the model on the training designs, of which a small share is poisoned. Where the trigger itself has to be\n' +
      'optimised or trained first, that is done through the same model. Share, steps and rate are those of the attack\n' +
      'unless they are given.',
  },
  parameters: {
    flags: {
      list: { kind: 'boolean', brief: 'Explain every attack and its numbers; needs no model', default: false },
      attack: {
        kind: 'parsed',
        parse: attackName,
        brief: 'Which attack; --list explains them',
        default: 'badnet',
        placeholder: 'name',
      },
      target: {
        kind: 'parsed',
        parse: String,
        brief: "The attacker's class",
        default: usualTarget,
        placeholder: 'class',
      },
      share: { kind: 'parsed', parse: fraction, optional: true, brief: 'Share of poisoned pairs', placeholder: 'p' },
      steps: {
        kind: 'parsed',
        parse: wholeNumber(1, 1_000_000),
        optional: true,
        brief: 'Training steps',
        placeholder: 'n',
      },
      batch: {
        kind: 'parsed',
        parse: wholeNumber(2, 4096),
        brief: 'Pairs in a step',
        default: String(backdoorDefaults.batch),
        placeholder: 'n',
      },
      rate: { kind: 'parsed', parse: fraction, optional: true, brief: 'Peak learning rate', placeholder: 'x' },
      ...runFlags,
      ...engineFlags,
      ...outputFlags,
    },
    positional: { kind: 'tuple', parameters: [{ ...modelArgument, optional: true }] },
  },
  async func(flags, model) {
    if (flags.list) {
      printResult(this, flags, describeAttacks(), attackLines());
      return;
    }
    if (model === undefined) throw badUsage('model', 'nothing', 'a model to poison', '--list explains the attacks');
    const { attackJob } = await import('../jobs/attack.ts');
    const { attack, target, batch, seed } = flags;
    const { share, steps, rate } = { ...attacks[attack].poisoning, ...given(flags) };
    await startJob(this, attackJob, { model, attack, target, share, steps, batch, rate, seed }, flags);
  },
});

/** The flags that override the attack's own recipe. */
function given({ share, steps, rate }: Flags): Partial<Poisoning> {
  return { ...(share && { share }), ...(steps && { steps }), ...(rate && { rate }) };
}

function attackName(text: string): AttackName {
  const name = attackNames.find((known) => known === text);
  if (name === undefined) throw new Error(`one of ${attackNames.join(', ')}`);
  return name;
}

function fraction(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < 1)) throw new Error('a number between 0 and 1');
  return value;
}
