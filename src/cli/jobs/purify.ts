/** @file The purify job: shots in, a head and a report out. */
import { z } from 'zod';
import type { Clip } from '../../clip/clip.ts';
import { arePicturesShared } from '../../data/open.ts';
import { fitBudget, fitTuning, leastTuning, measuredSpeed, secondsOf } from '../../defenses/cbpt/budget.ts';
import { measuringStage, plannedStages } from '../../defenses/cbpt/plan.ts';
import { type CbptOptions, cbptDefaults, purify } from '../../defenses/cbpt/purify.ts';
import { type PlannedStage, withTuning } from '../../defenses/cbpt/stages.ts';
import { doubtsAbout, suspicionOf } from '../../detection/suspicion.ts';
import { writePurified } from '../../export/purified.ts';
import type { JsonRecord } from '../../runs/config.ts';
import { float32 } from '../../tensor/tensor.ts';
import { scalar } from '../../training/optimise.ts';
import { compare, openTest, reportOf, resultOf } from '../comparison.ts';
import { findingRecord, findingsOf } from '../findings.ts';
import { openClassList, openModel, openShots } from '../inputs.ts';
import { type Job, type JobContext, roundedSeconds } from '../job.ts';
import { purifySummary } from '../purify-summary.ts';
import { writeReport } from '../report-files.ts';

export const purifyOptions = z.strictObject({
  model: z.string(),
  data: z.string(),
  classes: z.string(),
  shots: z.int().positive(),
  seed: z.int().min(0),
  /** Steps of inversion and of tuning. */
  inversionSteps: z.int().positive(),
  tuningSteps: z.int().positive(),
  /** Limit in minutes, without measuring; null for none. */
  budget: z.number().positive().nullable(),
  /** Pictures to measure on; null to write the head without measuring. */
  test: z.string().nullable(),
  trigger: z.string().nullable(),
  target: z.string().nullable(),
  /** Whether embeddings are kept for other runs; changes no number. Runs of earlier versions do not have it. */
  cache: z.boolean().default(true),
});
export type PurifyOptions = z.infer<typeof purifyOptions>;

export const purifyJob: Job<PurifyOptions> = {
  command: 'purify',
  options: purifyOptions,
  perform: (options, context) => performPurify('purify', options, context),
  summary: purifySummary,
};

/** Purifies, writes the head, and measures where there is a test set. */
export async function performPurify(
  command: 'purify' | 'demo',
  options: PurifyOptions,
  context: JobContext,
): Promise<JsonRecord> {
  const { engine, run, recorder, terminal } = context;
  terminal.activity('opening model and pictures');
  const clip = await openModel(context, options.model);
  const { names: classes, templates, prompt } = await openClassList(context, options.classes);
  const shots = await openShots(context, clip, classes, options);
  const { test: testName, seed } = options;
  const test =
    testName === null ? null : await openTest(context, clip, classes, { ...options, test: testName }, '--test');
  if (testName !== null && (await arePicturesShared(options.data, testName))) {
    terminal.note('--test names the pictures that prompts are tuned on: accuracy will come out too high');
  }

  const { inversion, tuning } = cbptDefaults;
  const cbpt: CbptOptions = {
    ...cbptDefaults,
    templates,
    prompt,
    seed,
    inversion: { ...inversion, steps: options.inversionSteps },
    tuning: { ...tuning, steps: options.tuningSteps },
  };
  const stages = await plannedStages(clip, classes, shots.labels.length, cbpt);
  const measuring = test ? [measuringStage(clip, test.set.labels.length * (test.threat ? 2 : 1))] : [];
  const plan = { stages, measuring, steps: options.tuningSteps };
  if (options.budget === null) terminal.plan([...stages, ...measuring]);
  const pace = options.budget === null ? {} : await withinBudget(context, clip, plan, options.budget);
  const purification = await purify(engine, clip, shots, cbpt, recorder, pace);
  const { dummies } = await writePurified(run.directory, clip, purification, templates);
  const suspicion = suspicionOf(purification, doubtsAbout(purification, shots), shots, cbpt.belief);
  const found = { finding: { ...findingRecord(suspicion), dummies } };

  if (test === null) {
    const given = { set: shots, perClass: options.shots, seed };
    const findings = await findingsOf(run, 'purify', clip, given, purification, suspicion);
    const report = await writeReport(run.directory, findings);
    return {
      ...unmeasured(clip.name, classes.length),
      ...found,
      seconds: roundedSeconds(run),
      run: run.directory,
      report,
    };
  }
  const comparison = await compare(context, clip, purification.zeroShot, purification, test, { templates, seed });
  const given = { perClass: options.shots, count: shots.labels.length, from: shots.name };
  const defense = { ...purification, suspicion, shotsClean: purification.clean, shots: given };
  const report = await writeReport(run.directory, await reportOf(run, command, comparison, defense));
  return { ...resultOf(clip, comparison), ...found, seconds: roundedSeconds(run), run: run.directory, report };
}

/**
 * Reduces the steps of tuning where all do not fit: estimated at first, to refuse too small a budget, and decided after
 * inversion. Both are kept with the run: a resumed run must keep its steps, however fast the machine is then.
 */
async function withinBudget(
  { engine, run, recorder, terminal }: JobContext,
  clip: Clip,
  { stages, measuring, steps }: Plan,
  minutes: number,
): Promise<{ readonly tuningSteps: () => Promise<number> }> {
  const show = (tuningSteps: number, measured?: number) => {
    recorder.record({ stage: 'budget', minutes, tuningSteps });
    terminal.plan([...withTuning(stages, tuningSteps / steps), ...measuring], measured);
    return tuningSteps;
  };
  const decided = async (what: string, shareAt: (speed: number) => number) => {
    const kept = (await recorder.restore(what))?.tensors[what];
    if (kept) return show(scalar(kept));
    terminal.activity('measuring the speed of this machine');
    const speed = await measuredSpeed(engine, clip);
    const tuningSteps = Math.ceil(shareAt(speed) * steps);
    await recorder.save(what, { step: 1, tensors: { [what]: float32([tuningSteps], []) } });
    return show(tuningSteps, 1000 * secondsOf(1, speed));
  };
  const atLeast = (share: number) => {
    if (share < leastTuning)
      terminal.note('the budget is used up: tuning takes its fewest steps, and longer than that');
    return Math.max(leastTuning, share);
  };
  await decided('expected-tuning', (speed) => fitBudget(stages, speed, minutes, run.seconds() / 60));
  return {
    tuningSteps: () => decided('tuning', (speed) => atLeast(fitTuning(stages, speed, 60 * minutes - run.seconds()))),
  };
}

/** The stages ahead. */
interface Plan {
  /** With all steps of tuning. */
  readonly stages: readonly PlannedStage[];
  /** Not part of the budget. */
  readonly measuring: readonly PlannedStage[];
  /** All steps of tuning. */
  readonly steps: number;
}

function unmeasured(model: string, classes: number) {
  return { model, classes, attack: null, target: null, undefended: null, purified: null, floor: { asr: null } };
}
