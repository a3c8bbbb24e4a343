/** @file The evaluate job: a model, or a purified run, on test pictures with and without a trigger. */
import { isAbsolute, relative } from 'node:path';
import { z } from 'zod';
import { zeroShotHead } from '../../clip/zero-shot.ts';
import { promptProgress } from '../../evaluation/evaluate.ts';
import { openModelOrRun } from '../../export/purified.ts';
import type { JsonRecord } from '../../runs/config.ts';
import { unlessStopped } from '../../runs/unless-stopped.ts';
import { compare, openTest, reportOf, resultOf } from '../comparison.ts';
import { noteAssumptions, openClassList, pinModel } from '../inputs.ts';
import { type Job, type JobContext, roundedSeconds } from '../job.ts';
import { purifySummary } from '../purify-summary.ts';
import { writeReport } from '../report-files.ts';
import { classesFor, classesOfItsOwn } from '../task-flags.ts';

const options = z.strictObject({
  model: z.string(),
  data: z.string(),
  /** Null where the model may have its own list. */
  classes: z.string().nullable(),
  trigger: z.string().nullable(),
  target: z.string().nullable(),
  seed: z.int().min(0),
  /** Whether embeddings are kept for other runs; changes no number. Runs of earlier versions do not have it. */
  cache: z.boolean().default(true),
});
export type EvaluateOptions = z.infer<typeof options>;

export const evaluateJob: Job<EvaluateOptions> = {
  command: 'evaluate',
  options,
  perform,
  summary: purifySummary,
};

async function perform(options: EvaluateOptions, context: JobContext): Promise<JsonRecord> {
  const { engine, run, recorder, terminal } = context;
  const opened = await unlessStopped(openModelOrRun(options.model, recorder.record), recorder.signal);
  const { purified } = opened;
  const clip = { ...opened.clip, name: fromHere(opened.clip.name) };
  noteAssumptions(terminal, clip);
  await pinModel(run, clip);
  if (purified && options.classes !== null) throw classesOfItsOwn(options.classes);
  const { names, templates } = purified
    ? { names: purified.manifest.classes, templates: purified.manifest.templates }
    : await openClassList(context, classesFor(options.model, options.classes ?? undefined));
  const test = await openTest(context, clip, names, { ...options, test: options.data }, '--data');
  const undefended =
    purified?.zeroShot ??
    (await zeroShotHead(engine, clip, names, templates, promptProgress(recorder, names, templates)));
  const comparison = await compare(context, clip, undefended, purified, test, { templates, seed: options.seed });
  const report = await writeReport(run.directory, await reportOf(run, 'evaluate', comparison, undefined));
  return { ...resultOf(clip, comparison), seconds: roundedSeconds(run), run: run.directory, report };
}

/** A path below the working directory from there: a run keeps the whole path of its model. */
function fromHere(name: string): string {
  if (!isAbsolute(name)) return name;
  const path = relative(process.cwd(), name);
  return path === '' || path.startsWith('..') || isAbsolute(path) ? name : path;
}
