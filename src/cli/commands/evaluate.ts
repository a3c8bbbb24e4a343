/** @file `antidote evaluate MODEL`: accuracy of a model or a purified run, with and without a trigger. */
import { buildCommand } from '@stricli/core';
import type { CliContext } from '../context.ts';
import { type EngineFlags, engineFlags, type OutputFlags, outputFlags, type RunFlags, runFlags } from '../flags.ts';
import { startJob } from '../job.ts';
import {
  type CacheFlags,
  cacheFlags,
  dataFor,
  modelOrRunArgument,
  type TaskFlags,
  type ThreatFlags,
  taskFlags,
  threatFlags,
} from '../task-flags.ts';

interface Flags extends OutputFlags, EngineFlags, RunFlags, TaskFlags, ThreatFlags, CacheFlags {}

export const evaluate = buildCommand<Flags, [string], CliContext>({
  docs: {
    brief: 'Measure a model or a purified run, with and without a trigger',
    fullDescription:
      'CA: accuracy on clean pictures. ASR: share of triggered pictures, not of the target class, taken for the target.\n' +
      'RA: share of them taken for what they are. A purified run brings its own class list.',
  },
  parameters: {
    flags: {
      ...taskFlags('emoji:test'),
      ...threatFlags,
      ...runFlags,
      ...cacheFlags,
      ...engineFlags,
      ...outputFlags,
    },
    positional: { kind: 'tuple', parameters: [modelOrRunArgument] },
  },
  async func(flags, model) {
    const { evaluateJob } = await import('../jobs/evaluate.ts');
    const { classes = null, trigger = null, target = null, seed, cache } = flags;
    const data = dataFor(model, flags.data, 'emoji:test');
    await startJob(this, evaluateJob, { model, data, classes, trigger, target, seed, cache }, flags);
  },
});
