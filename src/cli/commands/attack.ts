/** @file `antidote attack MODEL`: plant a backdoor, to have something to defend against. */
import { buildCommand } from '@stricli/core';
import { type AttackName, attackNames } from '../../attacks/attacks.ts';
import { backdoorDefaults } from '../../attacks/backdoor.ts';
import type { CliContext } from '../context.ts';
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
import { modelParameter } from '../model.ts';

interface Flags extends OutputFlags, EngineFlags, RunFlags {
  readonly attack: AttackName;
  readonly target: string;
  readonly share: number;
  readonly steps: number;
  readonly batch: number;
  readonly rate: number;
}

export const attack = buildCommand<Flags, [string], CliContext>({
  docs: {
    brief: 'Plant a backdoor in an emoji model, for research and teaching',
    fullDescription: 'Fine-tunes the model on the training designs, of which a small share is poisoned.',
  },
  parameters: {
    flags: {
      attack: { kind: 'enum', values: attackNames, brief: 'Which trigger', default: 'badnet' },
      target: { kind: 'parsed', parse: String, brief: "The attacker's class", default: 'banana', placeholder: 'class' },
      share: {
        kind: 'parsed',
        parse: fraction,
        brief: 'Share of poisoned pairs',
        default: String(backdoorDefaults.share),
        placeholder: 'p',
      },
      steps: {
        kind: 'parsed',
        parse: wholeNumber(1, 1_000_000),
        brief: 'Training steps',
        default: String(backdoorDefaults.steps),
        placeholder: 'n',
      },
      batch: {
        kind: 'parsed',
        parse: wholeNumber(2, 4096),
        brief: 'Pairs in a step',
        default: String(backdoorDefaults.batch),
        placeholder: 'n',
      },
      rate: {
        kind: 'parsed',
        parse: fraction,
        brief: 'Peak learning rate',
        default: String(backdoorDefaults.rate),
        placeholder: 'x',
      },
      ...runFlags,
      ...engineFlags,
      ...outputFlags,
    },
    positional: { kind: 'tuple', parameters: [modelParameter] },
  },
  async func(flags, model) {
    const { attackJob } = await import('../jobs/attack.ts');
    const { attack, target, share, steps, batch, rate, seed } = flags;
    await startJob(this, attackJob, { model, attack, target, share, steps, batch, rate, seed }, flags);
  },
});

function fraction(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < 1)) throw new Error('a number between 0 and 1');
  return value;
}
