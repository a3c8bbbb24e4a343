/** @file Measures a model before and after purification, with its floor, and draws the report: shared by the jobs. */

import { type NamedThreat, openThreat, threatFor } from '../attacks/threat.ts';
import { cleanCounterpart } from '../checkpoints/built-in.ts';
import { openClip } from '../checkpoints/open.ts';
import type { Clip, Head } from '../clip/clip.ts';
import type { Embeddings } from '../clip/encode-pictures.ts';
import type { PictureSet } from '../clip/pictures/pictures.ts';
import type { Inversion } from '../defenses/cbpt/inversion/dummy-triggers.ts';
import { headWithWord } from '../defenses/cbpt/tuning/word-before.ts';
import type { Suspicion } from '../detection/suspicion.ts';
import { badUsage } from '../errors.ts';
import {
  encodeTest,
  handWritten,
  handWrittenUnder,
  measureHead,
  predictTest,
  tellingPrompts,
} from '../evaluation/evaluate.ts';
import { type Floor, floorOf } from '../evaluation/floor.ts';
import { type Measures, measure, percentages } from '../evaluation/metrics.ts';
import type { Purified } from '../export/purified.ts';
import { classAccuracies, dummyPictures, exampleReadings, type HeadPair, type Measured } from '../report/gather.ts';
import type { DefenderShots, ReportData } from '../report/report-data.ts';
import type { Recorder } from '../runs/recorder.ts';
import type { Run } from '../runs/run.ts';
import { drawTrigger } from '../triggers/trigger-pictures.ts';
import { openPictures } from './inputs.ts';
import type { Bench } from './job.ts';
import { courseOf } from './report-files.ts';

/** What is measured on; all of it survives JSON, so that a run can be resumed. */
export interface TestOptions {
  readonly test: string;
  readonly trigger: string | null;
  readonly target: string | null;
}

/** Test pictures and the threat that they are measured under. */
export interface Test {
  readonly set: PictureSet;
  readonly threat: NamedThreat | undefined;
}

/** Opens both, so that a slip in a flag is told before anything is computed. */
export async function openTest(
  bench: Bench,
  clip: Clip,
  classes: readonly string[],
  { test, trigger, target }: TestOptions,
): Promise<Test> {
  const set = await openPictures(bench, 'test', test, { classes, config: clip.config });
  if (trigger === null) {
    if (target !== null) throw badUsage('--target', JSON.stringify(target), 'a --trigger with it');
    return { set, threat: undefined };
  }
  const threat = threatFor(await openThreat(trigger, set.size, target ?? undefined), classes);
  if (target !== null && !classes.includes(threat.target)) {
    throw badUsage('--target', JSON.stringify(target), 'one of the classes', 'leave it out to measure RA alone');
  }
  await bench.run.pin('trigger', { name: threat.attack, sha256: threat.sha256 });
  return { set, threat };
}

export interface Comparison {
  readonly threat: NamedThreat | undefined;
  readonly measured: Measured;
  readonly undefended: Measures;
  readonly purified: Measures | null;
  /** The model before poisoning, where it is known. */
  readonly clean: Measures | null;
  readonly floor: Floor | null;
}

/** A tuned head with the prompts that it comes from. */
export type Tuned = Pick<Purified, 'head' | 'prompts'>;

/** What hand-written prompts are made of, and what a trigger draws from. */
interface Prompting {
  readonly templates: readonly string[];
  readonly seed: number;
}

/** Encodes the test set once for all heads and counts. */
export async function compare(
  bench: Bench,
  clip: Clip,
  undefended: Head,
  purification: Tuned | undefined,
  { set, threat }: Test,
  prompting: Prompting,
): Promise<Comparison> {
  const { engine, recorder } = bench;
  const { seed } = prompting;
  const embeddings = await encodeTest(engine, clip, set, threat, seed, recorder);
  const clean = threat ? await measureClean(bench, clip, set, threat, undefended.classes, prompting) : null;
  const purified = purification?.head;
  const underAttack = await headsUnder(bench, clip, threat, undefended, purification, prompting.templates);
  const measured: Measured = { clip, set, embeddings, undefended, purified, underAttack, threat, seed };
  const untouched = predictTest(undefended, embeddings, threat, underAttack.undefended);
  return {
    threat,
    measured,
    undefended: measure(untouched),
    purified: purified ? measureHead(purified, embeddings, threat, underAttack.purified) : null,
    clean,
    floor: floorOf(clean, untouched),
  };
}

/** Both heads as they are while the attack is on: with its word before the prompts, if it has one. */
async function headsUnder(
  { engine, recorder }: Bench,
  clip: Clip,
  threat: NamedThreat | undefined,
  undefended: Head,
  tuned: Tuned | undefined,
  templates: readonly string[],
): Promise<HeadPair> {
  const word = threat?.word;
  return {
    undefended: await handWrittenUnder(
      engine,
      clip,
      undefended,
      templates,
      threat,
      tellingPrompts(recorder, undefended.classes, templates),
    ),
    purified:
      tuned && word !== undefined ? await headWithWord(engine, clip, tuned.prompts, tuned.head, word) : tuned?.head,
  };
}

async function measureClean(
  { engine, recorder }: Bench,
  clip: Clip,
  set: PictureSet,
  threat: NamedThreat,
  classes: readonly string[],
  { templates, seed }: Prompting,
): Promise<Measures | null> {
  const counterpart = cleanCounterpart(clip.name);
  if (!counterpart) return null;
  const clean = await openClip(counterpart, recorder.record);
  // Under names of its own: the time left is that of the model in question.
  const telling: Recorder = {
    ...recorder,
    record: (event) => recorder.record({ ...event, stage: `clean model: ${event.stage}` }),
  };
  const { head, underAttack } = await handWritten(engine, clean, classes, templates, threat, telling);
  return measureHead(head, await encodeTest(engine, clean, set, threat, seed, telling), threat, underAttack);
}

/** The part of a command's JSON that tells the numbers. */
export function resultOf(clip: Clip, { threat, measured, undefended, purified, floor }: Comparison) {
  return {
    model: clip.name,
    classes: measured.set.classes.length,
    attack: threat?.attack ?? null,
    target: threat?.target ?? null,
    undefended: { ...percentages(undefended) },
    purified: purified && { ...percentages(purified) },
    floor: { asr: floor && (100 * floor.asr.hits) / floor.asr.of },
  };
}

/** What the report's reader should know of the defense's side. */
export interface DefenseSide extends Inversion {
  readonly suspicion: Suspicion;
  readonly shotsClean: Embeddings;
  readonly shots: DefenderShots;
}

/** Fills the report from what was measured and what the run has recorded. */
export async function reportOf(
  run: Run,
  command: ReportData['command'],
  comparison: Comparison,
  defense: DefenseSide | undefined,
): Promise<ReportData> {
  const { threat, measured, undefended, purified, clean, floor } = comparison;
  return {
    command,
    model: measured.clip.name,
    attack: threat?.attack ?? null,
    target: threat?.target ?? null,
    task: {
      classes: measured.set.classes.length,
      test: measured.set.name,
      shots: defense?.shots ?? null,
    },
    undefended,
    purified,
    clean,
    floor,
    examples: await exampleReadings(measured, 18),
    trueTrigger: threat ? await drawTrigger(measured, threat.trigger) : null,
    finding: defense?.suspicion ?? null,
    dummyTriggers: defense ? await dummyPictures(measured, defense, { ...defense, test: measured.embeddings }) : [],
    classes: classAccuracies(measured),
    ...(await courseOf(run)),
  };
}
