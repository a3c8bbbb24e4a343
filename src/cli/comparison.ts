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
import type { Engine } from '../engine/engine.ts';
import { badUsage } from '../errors.ts';
import {
  type AttackedHead,
  encodeTest,
  handWritten,
  handWrittenUnderAttack,
  measureHead,
  predictTest,
  promptProgress,
} from '../evaluation/evaluate.ts';
import { type Floor, floorOf } from '../evaluation/floor.ts';
import { percentOf } from '../evaluation/interval.ts';
import { type Measures, measure, percentages } from '../evaluation/metrics.ts';
import type { Purified } from '../export/purified.ts';
import { type ComparedHeads, classAccuracies, dummyPictures, exampleReadings } from '../report/gather.ts';
import type { DefenderShots, ReportData } from '../report/report-data.ts';
import type { Recorder } from '../runs/recorder.ts';
import type { Run } from '../runs/run.ts';
import { drawTrigger } from '../triggers/trigger-pictures.ts';
import { openPictures } from './inputs.ts';
import type { JobContext } from './job.ts';
import { courseOf } from './report-files.ts';

/** The test options of a command; all of them survive JSON, so that a run can be resumed. */
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

/**
 * Opens both before anything is computed, so that a wrong flag is reported at once.
 *
 * @param flag the one that names the pictures
 */
export async function openTest(
  context: JobContext,
  clip: Clip,
  classes: readonly string[],
  { test, trigger, target }: TestOptions,
  flag: '--data' | '--test',
): Promise<Test> {
  const set = await openPictures(context, 'test', test, { classes, config: clip.config, flag });
  if (trigger === null) {
    if (target !== null) throw badUsage('--target', JSON.stringify(target), 'a --trigger with it');
    return { set, threat: undefined };
  }
  const threat = threatFor(await openThreat(trigger, set.size, target ?? undefined), classes);
  if (target !== null && !classes.includes(threat.target)) {
    throw badUsage('--target', JSON.stringify(target), 'one of the classes', 'leave it out to measure RA alone');
  }
  if (!classes.includes(threat.target)) {
    context.terminal.note(
      `ASR is not measured: the target "${threat.target}" is none of the classes; --target names another`,
    );
  }
  await context.run.pin('trigger', { name: threat.attack, sha256: threat.sha256 });
  return { set, threat };
}

/** A model before and after purification, heads. */
export interface HeadComparison {
  readonly threat: NamedThreat | undefined;
  readonly heads: ComparedHeads;
  readonly undefended: Measures;
  readonly purified: Measures | null;
  /** The model before poisoning, where it is known. */
  readonly clean: Measures | null;
  readonly floor: Floor | null;
}

/** A tuned head with its prompts. */
export type Tuned = Pick<Purified, 'head' | 'prompts'>;

/** Templates of the hand-written prompts, and the seed of the trigger on test pictures. */
interface MeasureOptions {
  readonly templates: readonly string[];
  readonly seed: number;
}

/** Encodes the test set once and measures every head on it. */
export async function compare(
  context: JobContext,
  clip: Clip,
  undefended: Head,
  tuned: Tuned | undefined,
  { set, threat }: Test,
  options: MeasureOptions,
): Promise<HeadComparison> {
  const { engine, recorder } = context;
  const { templates, seed } = options;
  const embeddings = await encodeTest(engine, clip, set, threat, seed, recorder);
  const clean = threat ? await measureClean(context, clip, set, threat, undefended.classes, options) : null;
  const progress = promptProgress(recorder, undefended.classes, templates);
  const handWrittenHead = await handWrittenUnderAttack(engine, clip, undefended, templates, threat, progress);
  const tunedHead = tuned && (await tunedUnderAttack(engine, clip, tuned, threat));
  const predictions = predictTest(handWrittenHead, embeddings, threat);
  return {
    threat,
    heads: { clip, set, embeddings, undefended: handWrittenHead, purified: tunedHead, threat, seed },
    undefended: measure(predictions),
    purified: tunedHead ? measureHead(tunedHead, embeddings, threat) : null,
    clean,
    floor: floorOf(clean, predictions),
  };
}

async function tunedUnderAttack(
  engine: Engine,
  clip: Clip,
  { prompts, head }: Tuned,
  threat: NamedThreat | undefined,
): Promise<AttackedHead> {
  const word = threat?.word;
  return { head, underAttack: word === undefined ? head : await headWithWord(engine, clip, prompts, head, word) };
}

async function measureClean(
  { engine, recorder }: JobContext,
  clip: Clip,
  set: PictureSet,
  threat: NamedThreat,
  classes: readonly string[],
  { templates, seed }: MeasureOptions,
): Promise<Measures | null> {
  const counterpart = cleanCounterpart(clip.name);
  if (!counterpart) return null;
  const clean = await openClip(counterpart, recorder.record);
  // Stages of its own: the time left is that of the measured model.
  const renaming: Recorder = {
    ...recorder,
    record: (event) => recorder.record({ ...event, stage: `clean model: ${event.stage}` }),
  };
  const head = await handWritten(engine, clean, classes, templates, threat, renaming);
  return measureHead(head, await encodeTest(engine, clean, set, threat, seed, renaming), threat);
}

/** The numbers in a command's JSON. */
export function resultOf(clip: Clip, { threat, heads, undefended, purified, floor }: HeadComparison) {
  return {
    model: clip.name,
    classes: heads.set.classes.length,
    testClasses: testedClasses(heads.set),
    attack: threat?.attack ?? null,
    target: threat?.target ?? null,
    undefended: { ...percentages(undefended) },
    purified: purified && { ...percentages(purified) },
    floor: { asr: floor && percentOf(floor.asr) },
  };
}

/** Number of classes that have test pictures. */
const testedClasses = ({ labels }: PictureSet) => new Set(labels).size;

/** What a report shows of the defense. */
export interface DefenseSide extends Inversion {
  readonly suspicion: Suspicion;
  readonly shotsClean: Embeddings;
  readonly shots: DefenderShots;
}

/** Fills the report from the measurements and the run's records. */
export async function reportOf(
  run: Run,
  command: ReportData['command'],
  comparison: HeadComparison,
  defense: DefenseSide | undefined,
): Promise<ReportData> {
  const { threat, heads, undefended, purified, clean, floor } = comparison;
  return {
    command,
    model: heads.clip.name,
    attack: threat?.attack ?? null,
    target: threat?.target ?? null,
    task: {
      classes: heads.set.classes.length,
      test: heads.set.name,
      testClasses: testedClasses(heads.set),
      shots: defense?.shots ?? null,
    },
    undefended,
    purified,
    clean,
    floor,
    examples: await exampleReadings(heads, 18),
    trueTrigger: threat ? await drawTrigger(heads, threat.trigger) : null,
    finding: defense?.suspicion ?? null,
    dummyTriggers: defense ? await dummyPictures(heads, defense, { ...defense, test: heads.embeddings }) : [],
    classes: classAccuracies(heads),
    ...(await courseOf(run)),
  };
}
