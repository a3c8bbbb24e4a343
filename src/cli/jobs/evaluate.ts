/** @file The evaluate job: a model, or a purified run, on test pictures with and without a trigger. */
import { z } from 'zod';
import { zeroShotHead } from '../../clip/zero-shot.ts';
import { tellingPrompts } from '../../evaluation/evaluate.ts';
import { openModelOrRun } from '../../export/purified.ts';
import type { JsonRecord } from '../../runs/config.ts';
import { unlessStopped } from '../../runs/unless-stopped.ts';
import { compare, openTest, reportOf, resultOf } from '../comparison.ts';
import { openClassList, pinModel } from '../inputs.ts';
import type { Bench, Job } from '../job.ts';
import { writeReport } from '../report-files.ts';
import { classesFor, classesOfItsOwn } from '../task-flags.ts';
import { purifySummary } from './purify.ts';

const options = z.strictObject({
  model: z.string(),
  data: z.string(),
  /** Null where the model may bring its own list. */
  classes: z.string().nullable(),
  trigger: z.string().nullable(),
  target: z.string().nullable(),
  seed: z.int().min(0),
  /** Whether embeddings are kept for other runs; changes no number. Runs of earlier versions do not say it. */
  cache: z.boolean().default(true),
});
export type EvaluateOptions = z.infer<typeof options>;

export const evaluateJob: Job<EvaluateOptions> = {
  command: 'evaluate',
  options,
  perform,
  sharesFeatures: ({ cache }) => cache,
  summary: purifySummary,
};

async function perform(options: EvaluateOptions, bench: Bench): Promise<JsonRecord> {
  const { engine, run, recorder } = bench;
  const { clip, purified } = await unlessStopped(openModelOrRun(options.model, recorder.record), recorder.signal);
  await pinModel(run, clip);
  if (purified && options.classes !== null) throw classesOfItsOwn(options.classes);
  const { names, templates } = purified
    ? { names: purified.manifest.classes, templates: purified.manifest.templates }
    : await openClassList(bench, classesFor(options.model, options.classes ?? undefined));
  const test = await openTest(bench, clip, names, { ...options, test: options.data });
  const undefended =
    purified?.zeroShot ??
    (await zeroShotHead(engine, clip, names, templates, tellingPrompts(recorder, names, templates)));
  const comparison = await compare(bench, clip, undefended, purified, test, { templates, seed: options.seed });
  const report = await writeReport(run.directory, await reportOf(run, 'evaluate', comparison, undefined));
  const seconds = Math.round(10 * run.seconds()) / 10;
  return { ...resultOf(clip, comparison), seconds, run: run.directory, report };
}
