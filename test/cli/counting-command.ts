/** @file The frame with one command of its own: a run that counts slowly, to be watched, stopped and resumed. */
import { buildCommand, buildRouteMap } from '@stricli/core';
import { z } from 'zod';
import type { CliContext } from '../../src/cli/context.ts';
import { type OutputFlags, outputFlags, wholeNumber } from '../../src/cli/flags.ts';
import { type Job, resumeJob, startJob } from '../../src/cli/job.ts';
import { start } from '../../src/cli/start.ts';
import { badData } from '../../src/errors.ts';
import { float32 } from '../../src/tensor/tensor.ts';

const options = z.strictObject({ steps: z.number(), failAt: z.number(), neverStop: z.boolean() });

const counting: Job<z.infer<typeof options>> = {
  command: 'count',
  options,
  async perform({ steps, failAt, neverStop }, { recorder, run }) {
    const first = ((await recorder.restore('count'))?.step ?? 0) + 1;
    for (let step = first; step <= steps; step++) {
      if (recorder.signal.aborted && !neverStop) {
        await recorder.save('count', { step: step - 1, tensors: { nothing: float32([0], [1]) } });
        throw recorder.signal.reason;
      }
      if (step === failAt) throw badData('step', String(step), 'another one');
      recorder.record({ stage: 'count', step, steps, half: step / 2 });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return { counted: steps, first, run: run.directory };
  },
  summary: ({ counted, first }) => [`counted ${counted}, from ${first}`],
};

interface Flags extends OutputFlags {
  readonly out?: string;
  readonly steps: number;
  readonly failAt: number;
  readonly neverStop: boolean;
}

const count = buildCommand<Flags, [], CliContext>({
  docs: { brief: 'Count' },
  parameters: {
    flags: {
      ...outputFlags,
      out: { kind: 'parsed', parse: String, optional: true, brief: 'Run directory' },
      steps: { kind: 'parsed', parse: wholeNumber(1, 1000), brief: 'How far', default: '5' },
      failAt: { kind: 'parsed', parse: wholeNumber(0, 1000), brief: 'Where to fail', default: '0' },
      neverStop: { kind: 'boolean', brief: 'Do not listen', default: false },
    },
  },
  func({ steps, failAt, neverStop, ...flags }) {
    return startJob(this, counting, { steps, failAt, neverStop }, { ...flags, device: 'cpu', threads: 1 });
  },
});

const explode = buildCommand<OutputFlags, [], CliContext>({
  docs: { brief: 'Fail without a reason' },
  parameters: { flags: outputFlags },
  func() {
    throw new TypeError('this was not foreseen');
  },
});

const resume = buildCommand<OutputFlags, [string], CliContext>({
  docs: { brief: 'Go on' },
  parameters: {
    flags: outputFlags,
    positional: { kind: 'tuple', parameters: [{ parse: String, placeholder: 'dir', brief: 'Run directory' }] },
  },
  func(flags, directory) {
    return resumeJob(this, [counting], directory, flags);
  },
});

await start(async () => buildRouteMap({ routes: { count, explode, resume }, docs: { brief: 'For tests' } }));
