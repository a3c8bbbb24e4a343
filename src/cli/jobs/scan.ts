/** @file The scan job: shots in, a verdict and the dummy triggers that it rests on out. */
import { z } from 'zod';
import { inversionStages } from '../../defenses/cbpt/plan.ts';
import { scan, scanDefaults } from '../../detection/scan.ts';
import type { ScanVerdict } from '../../detection/suspicion.ts';
import { writeDummies } from '../../export/purified.ts';
import type { JsonRecord } from '../../runs/config.ts';
import { findingRecord, findingsOf } from '../findings.ts';
import { openClassList, openModel, openShots } from '../inputs.ts';
import type { Bench, Job } from '../job.ts';
import { writeReport } from '../report-files.ts';

const scanOptions = z.strictObject({
  model: z.string(),
  data: z.string(),
  classes: z.string(),
  shots: z.int().positive(),
  seed: z.int().min(0),
  /** Whether embeddings are kept for other runs; changes no number. */
  cache: z.boolean(),
});
type ScanOptions = z.infer<typeof scanOptions>;

/** So that a script need not read the result. */
const exitCodes: Readonly<Record<ScanVerdict, number>> = { clean: 0, backdoor: 1, undecided: 2 };

export const scanJob: Job<ScanOptions> = {
  command: 'scan',
  options: scanOptions,
  perform,
  sharesFeatures: ({ cache }) => cache,
  summary,
  exitCode: ({ verdict }) => exitCodes[verdict as ScanVerdict],
};

async function perform(options: ScanOptions, bench: Bench): Promise<JsonRecord> {
  const { model, shots: perClass, seed } = options;
  const { engine, run, recorder, terminal } = bench;
  terminal.activity('opening model and pictures');
  const clip = await openModel(bench, model);
  const { names: classes, templates } = await openClassList(bench, options.classes);
  const shots = await openShots(bench, clip, classes, options);

  const stages = await inversionStages(clip, classes, shots.labels.length, { ...scanDefaults, templates });
  terminal.plan(stages);
  const found = await scan(engine, clip, shots, templates, { ...scanDefaults, seed }, recorder);
  const dummies = await writeDummies(run.directory, clip, found);
  const { suspicion } = found;
  const findings = await findingsOf(run, 'scan', clip, { set: shots, perClass, seed }, found, suspicion);
  const report = await writeReport(run.directory, findings);
  const seconds = Math.round(10 * run.seconds()) / 10;
  return {
    model: clip.name,
    classes: classes.length,
    shots: shots.labels.length,
    ...findingRecord(suspicion),
    dummies,
    seconds,
    run: run.directory,
    report,
  };
}

function summary({ model, verdict, reasons, run, report, seconds }: JsonRecord): readonly string[] {
  return [
    `${model}: ${verdict}`,
    ...(reasons as string[]).map((reason) => `  ${reason}`),
    '',
    `  run     ${run}   (${seconds} s)`,
    `  report  ${report}`,
  ];
}
