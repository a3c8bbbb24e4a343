/** @file `antidote scan MODEL`: does it carry a backdoor? Inverts dummy triggers and judges by them. */
import { buildCommand } from '@stricli/core';
import type { CliContext } from '../context.ts';
import { type EngineFlags, engineFlags, type OutputFlags, outputFlags, type RunFlags, runFlags } from '../flags.ts';
import { startJob } from '../job.ts';
import {
  type CacheFlags,
  cacheFlags,
  modelArgument,
  type ShotFlags,
  shotFlags,
  type TaskFlags,
  taskFlags,
  taskFor,
} from '../task-flags.ts';

interface Flags extends OutputFlags, EngineFlags, RunFlags, TaskFlags, ShotFlags, CacheFlags {}

export const scan = buildCommand<Flags, [string], CliContext>({
  docs: {
    brief: 'Tell whether a model carries a backdoor',
    fullDescription:
      'Looks for one pattern that sends pictures of all classes to a single class, as a trigger does, with a few labelled\n' +
      'clean pictures of every class; knows nothing of trigger or target. "backdoor" names the class it leads to; "clean"\n' +
      'means that no trigger of the forms tried was found, and is no proof; "undecided" says why.\n\n' +
      'Exit codes: 0 clean, 1 backdoor, 2 undecided.',
  },
  parameters: {
    flags: { ...taskFlags('emoji:train'), ...shotFlags, ...runFlags, ...cacheFlags, ...engineFlags, ...outputFlags },
    positional: { kind: 'tuple', parameters: [modelArgument] },
  },
  async func(flags, model) {
    const { scanJob } = await import('../jobs/scan.ts');
    const { shots, seed, cache } = flags;
    await startJob(this, scanJob, { model, ...taskFor(model, flags), shots, seed, cache }, flags);
  },
});
