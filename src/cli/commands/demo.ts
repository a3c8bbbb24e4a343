/** @file `antidote demo`: see a backdoor work and be cured, offline. */
import { buildCommand } from '@stricli/core';
import { type AttackName, attackNames } from '../../attacks/attacks.ts';
import { builtInModels } from '../../checkpoints/built-in.ts';
import { cbptDefaults } from '../../defenses/cbpt/purify.ts';
import type { CliContext } from '../context.ts';
import { type EngineFlags, engineFlags, type OutputFlags, outputFlags, type RunFlags, runFlags } from '../flags.ts';
import { startJob } from '../job.ts';

interface Flags extends OutputFlags, EngineFlags, RunFlags {
  readonly attack: AttackName;
}

/** Attacks with a poisoned model in the package. */
const attacksWithModel = attackNames.filter((name) => builtInModels.includes(`emoji-clip:${name}`));

export const demo = buildCommand<Flags, [], CliContext>({
  docs: {
    brief: 'See a backdoor work and be cured, offline, in two minutes',
    fullDescription:
      'Takes the built-in poisoned model, shows the attack on pictures of a design that was never trained on, inverts\n' +
      'dummy triggers, tunes one prompt per class, measures again, and leaves a report.',
  },
  parameters: {
    flags: {
      attack: {
        kind: 'enum',
        values: attacksWithModel,
        brief: 'Which built-in poisoned model',
        default: 'badnet-fixed',
      },
      ...runFlags,
      ...engineFlags,
      ...outputFlags,
    },
  },
  async func(flags) {
    const { demoJob } = await import('../jobs/demo.ts');
    const { inversion, tuning } = cbptDefaults;
    const options = {
      model: `emoji-clip:${flags.attack}`,
      data: 'emoji:train',
      classes: 'things',
      shots: 16,
      seed: flags.seed,
      inversionSteps: inversion.steps,
      tuningSteps: tuning.steps,
      budget: null,
      test: 'emoji:test',
      trigger: flags.attack,
      target: null,
      // Computes everything each time, to show it.
      cache: false,
    };
    await startJob(this, demoJob, options, flags);
  },
});
