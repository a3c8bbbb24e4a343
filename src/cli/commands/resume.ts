/** @file `antidote resume DIR`: go on with an interrupted run. */
import { buildCommand } from '@stricli/core';
import type { CliContext } from '../context.ts';
import { type OutputFlags, outputFlags, textArgument } from '../flags.ts';
import { resumeJob } from '../job.ts';

export const resume = buildCommand<OutputFlags, [string], CliContext>({
  docs: {
    brief: 'Go on with an interrupted run',
    fullDescription:
      'Continues from the last checkpoint with the options the run was started with, and ends with the result that an\n' +
      'uninterrupted run would have had. Of a finished run, prints the result again.',
  },
  parameters: {
    flags: outputFlags,
    positional: { kind: 'tuple', parameters: [textArgument('dir', 'The run directory')] },
  },
  async func(flags, directory) {
    const { jobs } = await import('../jobs.ts');
    await resumeJob(this, jobs, directory, flags);
  },
});
