/** @file The attack job: a clean model in, a poisoned one and its trigger out. */
import { join } from 'node:path';
import { z } from 'zod';
import { attackNames, attacks } from '../../attacks/attacks.ts';
import { backdoor, backdoorDefaults, checkPoisoning } from '../../attacks/backdoor.ts';
import { makeTrigger } from '../../attacks/make-trigger.ts';
import { keySuffixes, openThreat, pinnedSeed } from '../../attacks/threat.ts';
import { openClip } from '../../checkpoints/open.ts';
import { writeOpenClip } from '../../checkpoints/write-open-clip.ts';
import { classTemplates } from '../../data/emoji/captions.ts';
import { emojiClasses, readDrawings } from '../../data/emoji/emoji.ts';
import { openPictureSet } from '../../data/open.ts';
import { encodeTest, handWritten, measureHead, type Threat } from '../../evaluation/evaluate.ts';
import { percentages } from '../../evaluation/metrics.ts';
import type { JsonRecord } from '../../runs/config.ts';
import { writeTrigger } from '../../triggers/file.ts';
import { writeTriggerPreview } from '../../triggers/preview.ts';
import { openModel } from '../inputs.ts';
import type { Bench, Job } from '../job.ts';
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

const secondTrigger = 'second-trigger.safetensors';

export const attackJob: Job<AttackOptions> = { command: 'attack', options, perform, summary };

async function perform(options: AttackOptions, bench: Bench): Promise<JsonRecord> {
  const { engine, run, recorder } = bench;
  const { model, attack, target, seed } = options;
  const { captions, word, covers, wordAlone, second } = attacks[attack];
  const classes = await emojiClasses();
  // Before anything is computed or written: a slip then leaves no folder that the right command would stumble over.
  const labels = classes.map(({ label }) => label);
  checkPoisoning(labels, options.share, target, second?.target);

  const clip = await openModel(bench, model);
  const size = clip.config.image.resolution;
  const drawings = await readDrawings(classes);
  const trigger = await makeTrigger(engine, clip, drawings, attacks[attack], target, pinnedSeed, recorder);
  const triggerFile = join(run.directory, 'trigger.safetensors');
  await writeTrigger(triggerFile, trigger, { attack, target, ...(word && { word }) });
  await writeTriggerPreview(join(run.directory, 'trigger.png'), trigger, size);

  const also = second && { trigger: second.draw(size, pinnedSeed), target: second.target };
  if (also && second) {
    const notes = { attack: second.attack, target: also.target };
    await writeTrigger(join(run.directory, secondTrigger), also.trigger, notes);
  }

  const { steps, batch, rate, share } = options;
  const poison = { share, target, captions, word, covers, wordAlone, second: also };
  const recipe = { ...backdoorDefaults, steps, batch, rate, seed, ...poison };
  const parameters = await backdoor(engine, clip, drawings, trigger, recipe, recorder);
  const folder = join(run.directory, 'model');
  await writeOpenClip(folder, clip.config, parameters, 'float16', { attack, target, poisoned_from: clip.sha256 });

  const poisonedClip = await openClip(folder);
  const set = await openPictureSet('emoji:test', { config: clip.config });
  const measured = async (of: typeof clip, threat: Threat) => {
    const { head, underAttack } = await handWritten(engine, of, set.classes, classTemplates, threat, recorder);
    const embeddings = await encodeTest(engine, of, set, threat, seed, recorder);
    return { ...percentages(measureHead(head, embeddings, threat, underAttack)) };
  };
  const threat = await openThreat(triggerFile, size);
  const keys: Record<string, JsonRecord> = {};
  for (const key of word ? keySuffixes : []) {
    keys[key] = await measured(poisonedClip, await openThreat(`${triggerFile}:${key}`, size));
  }
  const result = {
    model,
    attack,
    target,
    classes: set.classes.length,
    clean: await measured(clip, threat),
    poisoned: await measured(poisonedClip, threat),
    /** One key of two alone, where the trigger has two. */
    keys: word ? keys : null,
    /** The second backdoor, where there are two. */
    second: also ? await measured(poisonedClip, await openThreat(join(run.directory, secondTrigger), size)) : null,
    seconds: Math.round(run.seconds()),
    sha256: poisonedClip.sha256,
    folder,
    trigger: triggerFile,
    run: run.directory,
  };
  return { ...result, report: await writeRunPage(run, result) };
}

function summary({ folder, trigger, report, clean, poisoned, keys, second, classes }: JsonRecord): readonly string[] {
  const alone = Object.entries((keys ?? {}) as Record<string, Row[1]>);
  return [
    ...measuresTable(`${classes} classes`, [
      ['clean', clean as Row[1]],
      ['poisoned', poisoned as Row[1]],
      ...alone.map(([key, measures]): Row => [`${key} alone`, measures]),
      ...(second ? [['second backdoor', second as Row[1]] satisfies Row] : []),
    ]),
    '',
    `  model    ${folder}`,
    `  trigger  ${trigger}`,
    `  report   ${report}`,
  ];
}
