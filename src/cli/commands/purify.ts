/** @file `antidote purify MODEL`: invert dummy triggers, tune one prompt per class, write the purified head. */
import { buildCommand } from '@stricli/core';
import { cbptDefaults } from '../../defenses/cbpt/purify.ts';
import { badUsage } from '../../errors.ts';
import type { CliContext } from '../context.ts';
import {
  type EngineFlags,
  engineFlags,
  type OutputFlags,
  outputFlags,
  type RunFlags,
  runFlags,
  textFlag,
  wholeNumber,
} from '../flags.ts';
import { startJob } from '../job.ts';
import {
  type CacheFlags,
  cacheFlags,
  modelArgument,
  type ShotFlags,
  shotFlags,
  type TaskFlags,
  type ThreatFlags,
  taskFlags,
  taskFor,
  threatFlags,
} from '../task-flags.ts';

interface Flags extends OutputFlags, EngineFlags, RunFlags, TaskFlags, ShotFlags, ThreatFlags, CacheFlags {
  readonly test?: string;
  readonly inversionSteps: number;
  readonly tuningSteps: number;
  readonly budget?: number;
}

export const purify = buildCommand<Flags, [string], CliContext>({
  docs: {
    brief: 'Purify a model for a list of classes, without touching its weights',
    fullDescription:
      'Needs a few labelled clean pictures of every class. Knows nothing of trigger or target: --trigger and --target\n' +
      'only say what the result is measured with.',
  },
  parameters: {
    flags: {
      ...taskFlags('emoji:train'),
      ...shotFlags,
      test: textFlag(
        'data',
        'Pictures to measure on, given like --data (default: emoji:test if --data is emoji:..., else none)',
      ),
      ...threatFlags,
      inversionSteps: {
        kind: 'parsed',
        parse: wholeNumber(1, 1_000_000),
        brief: 'Steps of trigger inversion',
        default: String(cbptDefaults.inversion.steps),
        placeholder: 'n',
      },
      tuningSteps: {
        kind: 'parsed',
        parse: wholeNumber(1, 1_000_000),
        brief: 'Steps of prompt tuning',
        default: String(cbptDefaults.tuning.steps),
        placeholder: 'n',
      },
      budget: {
        kind: 'parsed',
        parse: minutes,
        optional: true,
        brief: 'At most so many minutes, measuring not counted; takes fewer steps of tuning if need be',
        placeholder: 'minutes',
      },
      ...runFlags,
      ...cacheFlags,
      ...engineFlags,
      ...outputFlags,
    },
    positional: { kind: 'tuple', parameters: [modelArgument] },
  },
  async func(flags, model) {
    const { purifyJob } = await import('../jobs/purify.ts');
    const { data, classes } = taskFor(model, flags);
    const { shots, seed, inversionSteps, tuningSteps, cache } = flags;
    const test = flags.test ?? (data.startsWith('emoji:') ? 'emoji:test' : null);
    const { trigger = null, target = null, budget = null } = flags;
    if (test === null && trigger !== null) {
      throw badUsage('--trigger', JSON.stringify(trigger), 'a --test with it', 'a trigger is only measured with');
    }
    if (trigger === null && target !== null) {
      const expected = test === null ? 'a --test and a --trigger with it' : 'a --trigger with it';
      throw badUsage('--target', JSON.stringify(target), expected, 'it is only measured with');
    }
    const steps = { inversionSteps, tuningSteps, budget };
    await startJob(
      this,
      purifyJob,
      { model, data, classes, shots, seed, ...steps, test, trigger, target, cache },
      flags,
    );
  },
});

function minutes(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0) throw new Error('a number of minutes above 0');
  return value;
}
