/** @file The purify job: shots in, a head and a report out. */
import { z } from 'zod';
import type { Clip } from '../../clip/clip.ts';
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
import type { Bench, Job } from '../job.ts';
import { measuresTable, type Row } from '../measures-table.ts';
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
  /** Minutes that all of it may take, measuring left out; null for as many as it takes. */
  budget: z.number().positive().nullable(),
  /** Where it is measured; null to write the head without measuring. */
  test: z.string().nullable(),
  trigger: z.string().nullable(),
  target: z.string().nullable(),
  /** Whether embeddings are kept for other runs; changes no number. Runs of earlier versions do not say it. */
  cache: z.boolean().default(true),
});
export type PurifyOptions = z.infer<typeof purifyOptions>;

export const purifyJob: Job<PurifyOptions> = {
  command: 'purify',
  options: purifyOptions,
  perform: (options, bench) => performPurify('purify', options, bench),
  sharesFeatures: ({ cache }) => cache,
  summary: purifySummary,
};

/** Purifies, writes the head, and measures where there is a test set. */
export async function performPurify(
  command: 'purify' | 'demo',
  options: PurifyOptions,
  bench: Bench,
): Promise<JsonRecord> {
  const { engine, run, recorder, terminal } = bench;
  terminal.activity('opening model and pictures');
  const clip = await openModel(bench, options.model);
  const { names: classes, templates, prompt } = await openClassList(bench, options.classes);
  const shots = await openShots(bench, clip, classes, options);
  const { test: testName, seed } = options;
  const test = testName === null ? null : await openTest(bench, clip, classes, { ...options, test: testName });
  // Of a CoOp split shots and tests are different parts.
  if (testName === options.data && test?.set.shotRule !== 'coop') {
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
  const pace = options.budget === null ? {} : await withinBudget(bench, clip, plan, options.budget);
  const purification = await purify(engine, clip, shots, cbpt, recorder, pace);
  const { dummies } = await writePurified(run.directory, clip, purification, templates);
  const suspicion = suspicionOf(purification, doubtsAbout(purification, shots), shots, cbpt.belief);
  const found = { finding: { ...findingRecord(suspicion), dummies } };

  const seconds = () => Math.round(10 * run.seconds()) / 10;
  if (test === null) {
    const given = { set: shots, perClass: options.shots, seed };
    const findings = await findingsOf(run, 'purify', clip, given, purification, suspicion);
    const report = await writeReport(run.directory, findings);
    return { ...unmeasured(clip.name, classes.length), ...found, seconds: seconds(), run: run.directory, report };
  }
  const comparison = await compare(bench, clip, purification.zeroShot, purification, test, { templates, seed });
  const given = { perClass: options.shots, count: shots.labels.length, from: shots.name };
  const defense = { ...purification, suspicion, shotsClean: purification.clean, shots: given };
  const report = await writeReport(run.directory, await reportOf(run, command, comparison, defense));
  return { ...resultOf(clip, comparison), ...found, seconds: seconds(), run: run.directory, report };
}

/**
 * Fewer steps of tuning where all do not fit: reckoned at first, so that too small a budget is refused, and decided once
 * inversion is done. Both are kept with the run: one that goes on must do what it began, however fast the machine is now.
 */
async function withinBudget(
  { engine, run, recorder, terminal }: Bench,
  clip: Clip,
  { stages, measuring, steps }: Plan,
  minutes: number,
): Promise<{ readonly tuningSteps: () => Promise<number> }> {
  const show = (tuningSteps: number, reckoned?: number) => {
    recorder.record({ stage: 'budget', minutes, tuningSteps });
    terminal.plan([...withTuning(stages, tuningSteps / steps), ...measuring], reckoned);
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

/** What is going to happen. */
interface Plan {
  /** With all steps of tuning. */
  readonly stages: readonly PlannedStage[];
  /** What a budget does not count. */
  readonly measuring: readonly PlannedStage[];
  /** All steps of tuning. */
  readonly steps: number;
}

function unmeasured(model: string, classes: number) {
  return { model, classes, attack: null, target: null, undefended: null, purified: null, floor: { asr: null } };
}

/** Numbers of a result, before and after, as a small table. */
export function purifySummary(result: JsonRecord): readonly string[] {
  const measures = (name: string) => (result[name] ?? null) as Row[1];
  const floor = measures('floor');
  const rows: Row[] = [
    ['undefended', measures('undefended')],
    ['purified', measures('purified')],
    ['floor', typeof floor?.asr === 'number' ? floor : null],
  ];
  const { reasons = [] } = (result.finding ?? {}) as { readonly reasons?: readonly string[] };
  return [
    ...(reasons.length > 0 ? [...reasons.map((reason) => `  ${reason}`), ''] : []),
    ...(measures('undefended') ? [...measuresTable('', rows), ''] : []),
    `  run     ${result.run}   (${result.seconds} s)`,
    ...(result.report ? [`  report  ${result.report}`] : []),
  ];
}
