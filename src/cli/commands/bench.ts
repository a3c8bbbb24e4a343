/** @file `antidote bench MATRIX`: every attack against every defense, resumable, on one machine or many. */
import { buildCommand } from '@stricli/core';
import { badUsage } from '../../errors.ts';
import { shellWord } from '../../runs/shell-word.ts';
import type { CliContext } from '../context.ts';
import {
  type EngineFlags,
  engineFlags,
  type OutputFlags,
  outputFlags,
  type RunFlags,
  runFlags,
  textArgument,
  wholeNumber,
} from '../flags.ts';
import { startJob } from '../job.ts';
import { redisFlag } from '../redis-flag.ts';

interface Flags extends OutputFlags, EngineFlags, Pick<RunFlags, 'out'> {
  readonly workers?: number;
  readonly redis?: string;
}

export const bench = buildCommand<Flags, [string], CliContext>({
  docs: {
    brief: 'Run every attack of a matrix against every defense',
    fullDescription: [
      'MATRIX is a YAML file with the lists attacks (or models), defenses, seeds and classes, and optionally shots,',
      'data, test, options by defense, and reports: true for a report of every cell. A model of your own is an entry of',
      'models, such as { name: mine, model: ./my-clip, trigger: badnet-fixed, target: dog }; trigger and target, which are',
      'only measured with, may be left out. data and test are its pictures, classes its class lists.',
      '',
      'Finished cells are kept: after Ctrl-C or a crash, `antidote resume DIR` computes the others, and tries those',
      'again that failed, with the same --workers or --redis. A cell that fails shows in the table, and the others go',
      'on: exit code 0.',
      '',
      'With --redis the cells go into a queue, and `antidote worker` takes them on any number of machines, with the same',
      '--device, and --threads of its own. Reports of cells are kept by those whose --store is the directory of the bench.',
    ].join('\n'),
  },
  parameters: {
    flags: {
      out: runFlags.out,
      workers: {
        kind: 'parsed',
        parse: wholeNumber(1, 1024),
        optional: true,
        brief: 'Processes of this machine that compute cells; they share --threads (default: 1)',
        placeholder: 'n',
      },
      redis: {
        ...redisFlag,
        brief: 'Have workers of this queue compute (redis://host:port); its password in ANTIDOTE_REDIS_PASSWORD',
      },
      ...engineFlags,
      ...outputFlags,
    },
    positional: {
      kind: 'tuple',
      parameters: [textArgument('matrix', 'A matrix file, such as bench/smoke.yaml')],
    },
  },
  async func(flags, source) {
    const { workers, redis = null } = flags;
    if (redis !== null && workers !== undefined) {
      const advice = `start each of the workers, on any machine, by: antidote worker --redis ${shellWord(redis)}`;
      throw badUsage('--workers', `${workers}, and --redis beside it`, 'one of the two', advice);
    }
    const { defenses } = await import('../../defenses/defenses.ts');
    const { benchJob } = await import('../jobs/bench.ts');
    const { readMatrix } = await import('../../sweep/matrix.ts');
    const matrix = await readMatrix(source, defenses);
    await startJob(this, benchJob, { source, matrix, workers: workers ?? 1, redis }, flags);
  },
});
