/** @file The scan job: from shots to a verdict and the dummy triggers it rests on. */
import { z } from 'zod';
import { inversionStages } from '../../defenses/cbpt/plan.ts';
import { scan, scanDefaults } from '../../detection/scan.ts';
import type { ScanVerdict } from '../../detection/suspicion.ts';
import { writeDummies } from '../../export/purified.ts';
import type { JsonRecord } from '../../runs/config.ts';
import { findingRecord, findingsOf } from '../findings.ts';
import { openClassList, openModel, openShots } from '../inputs.ts';
import { type Job, type JobContext, roundedSeconds } from '../job.ts';
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

/** The verdict for scripts. */
const exitCodes: Readonly<Record<ScanVerdict, number>> = { clean: 0, backdoor: 1, undecided: 2 };

export const scanJob: Job<ScanOptions> = {
  command: 'scan',
  options: scanOptions,
  perform,
  summary,
  exitCode: ({ verdict }) => exitCodes[verdict as ScanVerdict],
};

async function perform(options: ScanOptions, context: JobContext): Promise<JsonRecord> {
  const { model, shots: perClass, seed } = options;
  const { engine, run, recorder, terminal } = context;
  terminal.activity('opening model and pictures');
  const clip = await openModel(context, model);
  const { names: classes, templates } = await openClassList(context, options.classes);
  const shots = await openShots(context, clip, classes, options);

  const stages = await inversionStages(clip, classes, shots.labels.length, { ...scanDefaults, templates });
  terminal.plan(stages);
  const found = await scan(engine, clip, shots, templates, { ...scanDefaults, seed }, recorder);
  const dummies = await writeDummies(run.directory, clip, found);
  const { suspicion } = found;
  const findings = await findingsOf(run, 'scan', clip, { set: shots, perClass, seed }, found, suspicion);
  const report = await writeReport(run.directory, findings);
  return {
    model: clip.name,
    classes: classes.length,
    shots: shots.labels.length,
    ...findingRecord(suspicion),
    dummies,
    seconds: roundedSeconds(run),
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
