/** @file The attack job: a clean model in, a poisoned one and its trigger out. */
import { z } from 'zod';
import { attackNames } from '../../attacks/attacks.ts';
import { checkAttack, measureBackdoor, plantBackdoor } from '../../attacks/plant.ts';
import type { JsonRecord } from '../../runs/config.ts';
import { openModel } from '../inputs.ts';
import type { Job, JobContext } from '../job.ts';
import { measuresTable, type Row } from '../measures-table.ts';
import { writeRunPage } from '../report-files.ts';

const options = z.strictObject({
  model: z.string(),
  attack: z.enum(attackNames),
  target: z.string(),
  share: z.number().gt(0).lt(1),
  steps: z.int().positive(),
  batch: z.int().min(2),
  rate: z.number().positive(),
  seed: z.int().min(0),
});
export type AttackOptions = z.infer<typeof options>;

export const attackJob: Job<AttackOptions> = { command: 'attack', options, perform, summary };

async function perform(options: AttackOptions, context: JobContext): Promise<JsonRecord> {
  const { engine, run, recorder } = context;
  const { model, attack, target, seed } = options;
  // A wrong option then leaves no folder that the corrected command would stumble over.
  await checkAttack(options);
  const clip = await openModel(context, model);
  const planted = await plantBackdoor(engine, clip, options, run.directory, recorder);
  const measures = await measureBackdoor(engine, clip, planted, seed, recorder);
  const { poisoned, folder, trigger } = planted;
  const result = {
    model,
    attack,
    target,
    ...measures,
    seconds: Math.round(run.seconds()),
    sha256: poisoned.sha256,
    folder,
    trigger,
    run: run.directory,
  };
  return { ...result, report: await writeRunPage(run, result) };
}

function summary({ folder, trigger, report, clean, poisoned, keys, second, classes }: JsonRecord): readonly string[] {
  const keyMeasures = Object.entries((keys ?? {}) as Record<string, Row[1]>);
  return [
    ...measuresTable(`${classes} classes`, [
      ['clean', clean as Row[1]],
      ['poisoned', poisoned as Row[1]],
      ...keyMeasures.map(([key, measures]): Row => [`${key} alone`, measures]),
      ...(second ? [['second backdoor', second as Row[1]] satisfies Row] : []),
    ]),
    '',
    `  model    ${folder}`,
    `  trigger  ${trigger}`,
    `  report   ${report}`,
  ];
}
