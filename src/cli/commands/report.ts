/** @file `antidote report DIR`: draw a finished run's page again. */
import { buildCommand } from '@stricli/core';
import { type CliContext, printResult } from '../context.ts';
import { type OutputFlags, outputFlags, textArgument } from '../flags.ts';

export const report = buildCommand<OutputFlags, [string], CliContext>({
  docs: {
    brief: 'Draw the report of a run again',
    fullDescription:
      'Draws report.html from what the run has stored, of whatever kind it is; an attack or a bench also while it is at\n' +
      'work. Nothing is computed anew.',
  },
  parameters: {
    flags: outputFlags,
    positional: { kind: 'tuple', parameters: [textArgument('dir', 'The run directory')] },
  },
  async func(flags, directory) {
    const { redrawReport } = await import('../report-files.ts');
    const page = await redrawReport(directory);
    printResult(this, flags, { run: directory, report: page }, [page]);
  },
});
