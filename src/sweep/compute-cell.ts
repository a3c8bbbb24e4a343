/** @file Computes a cell: a poisoned model, defended and measured. What cells share is computed once. */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clip } from '../clip/clip.ts';
import { type Classifying, type Cure, classifierOf, type DefenseTask, defend } from '../defenses/defense.ts';
import { type Engine, withProgram } from '../engine/engine.ts';
import {
  type AttackedHead,
  encodeTest,
  handWritten,
  measureHead,
  predictTest,
  type TestEmbeddings,
} from '../evaluation/evaluate.ts';
import { floorOf } from '../evaluation/floor.ts';
import { classChanges, harmOf } from '../evaluation/harm.ts';
import { type Measures, measure, type Predictions } from '../evaluation/metrics.ts';
import { mul } from '../graph/elementwise.ts';
import { input } from '../graph/leaves.ts';
import type { JsonRecord } from '../runs/config.ts';
import type { FeatureStore, Recorder, RunEvent } from '../runs/recorder.ts';
import { unlessStopped } from '../runs/unless-stopped.ts';
import { fileProblem } from '../tensor/files/file-problem.ts';
import { type Cell, type CellFunction, failure, type Measured } from './cell.ts';
import type { CellMaterials, Defenses, Materials } from './materials.ts';
import { forgetPeak, peakBytes } from './peak-memory.ts';
import { packBits } from './picture-bits.ts';
import { blameDisk, DeadEngine } from './runners/worker-failures.ts';

/** Seed of the triggers on test pictures: one for all seeds of a defense, so that all are measured on the same pictures. */
export const testSeed = 0;

/** What a process computes its cells with, opened once. */
export interface CellContext {
  readonly engine: Engine;
  readonly materials: Materials;
  /** Embeddings by frozen encoders: equal for every defense, so computed by the first cell that needs them. */
  readonly features: FeatureStore;
  readonly defenses: Defenses;
}

/** A measured cell with the data of its report. */
export interface Computed {
  readonly measured: Measured;
  readonly materials: CellMaterials;
  readonly cure: Cure;
  readonly classifying: Classifying;
  /** Hand-written prompts on the model as it came. */
  readonly undefended: AttackedHead & { readonly measures: Measures };
  /** Test pictures as the defended model sees them. */
  readonly test: TestEmbeddings;
}

/** `onComputed` gets every cell with its events before the cell counts as done. */
export function cellFunction(
  context: CellContext,
  onComputed: (cell: Cell, computed: Computed, events: readonly RunEvent[]) => Promise<void>,
): CellFunction {
  return async (cell, recorder) => {
    const events: RunEvent[] = [];
    const record = (event: RunEvent) => {
      events.push(event);
      recorder.record(event);
    };
    const computed = await computeCell(context, cell, { ...recorder, record }).catch(async (thrown) => {
      if (await isWorking(context.engine)) throw thrown;
      throw deadEngine(thrown);
    });
    await onComputed(cell, computed, events);
    return computed.measured;
  };
}

/** Whether the engine can still double a number. */
async function isWorking(engine: Engine): Promise<boolean> {
  const graph = { outputs: { twice: mul(input('x', [1]), 2) } };
  return withProgram(engine, graph, async () => true).catch(() => false);
}

function deadEngine(thrown: unknown): DeadEngine {
  return new DeadEngine({
    fault: 'internal',
    where: 'the engine',
    found: `that it computes no more (${failure(thrown).error})`,
    expected: 'one that outlives the cell',
    cause: thrown,
  });
}

async function computeCell(context: CellContext, cell: Cell, recorder: Recorder): Promise<Computed> {
  const { engine, defenses, features } = context;
  const { defense, seed, options } = cell.task;
  const started = performance.now();
  const measurable = await forgetPeak();
  const materials = await unlessStopped(context.materials.openChecked(cell), recorder.signal);
  const { clip, shots, classes, threat } = materials;
  const { templates, prompt } = classes;

  const task: DefenseTask = { engine, clip, shots, templates, prompt, seed, recorder: { ...recorder, features } };
  const cure = await defend(defenses[defense]!, task, options, threat);
  return inFolder(async (folder) => {
    const { classifying, test, predictions } = await predictDefended(task, cure, materials, folder, recorder);
    const baselines = await measureBaselines(task, materials, recorder);
    const seconds = Math.round((performance.now() - started) / 100) / 10;
    const measured: Measured = {
      ...resultOf(classes.names, predictions, baselines, cure),
      seconds,
      peakBytes: measurable ? await peakBytes() : null,
      machine: { host: hostname(), processor: cpus()[0]?.model.trim() ?? 'unknown', threads: engine.options.threads },
    };
    const undefended = { ...baselines.undefended, measures: measure(baselines.predictions) };
    return { measured, materials, cure, classifying, undefended, test };
  });
}

/** The test pictures as the defended model classifies them. */
async function predictDefended(
  task: DefenseTask,
  cure: Cure,
  { test, threat }: CellMaterials,
  folder: string,
  recorder: Recorder,
): Promise<Pick<Computed, 'classifying' | 'test'> & { readonly predictions: Predictions }> {
  const classifying = await classifierOf(task, cure, folder, threat);
  // New weights are measured once and deleted: their embeddings are not kept either.
  const keeping = cure.kind === 'model' ? recorder : task.recorder;
  const embeddings = await encodeTest(task.engine, classifying.clip, test, threat, testSeed, keeping);
  const predictions = predictTest(classifying, embeddings, threat);
  return { classifying, test: embeddings, predictions };
}

/** What the defended model is compared with. */
interface Baselines {
  readonly undefended: AttackedHead;
  /** Predictions of `undefended` on the model as it came. */
  readonly predictions: Predictions;
  /** Measures of hand-written prompts on the model before poisoning; null where it is not known. */
  readonly cleanModel: Measures | null;
}

async function measureBaselines(
  { engine, clip, templates, recorder: keeping }: DefenseTask,
  { classes, test, threat, clean }: CellMaterials,
  recorder: Recorder,
): Promise<Baselines> {
  const headOf = (model: Clip) => handWritten(engine, model, classes.names, templates, threat, recorder);
  const embeddingsOf = (model: Clip) => encodeTest(engine, model, test, threat, testSeed, keeping);

  const undefended = await headOf(clip);
  const predictions = predictTest(undefended, await embeddingsOf(clip), threat);
  if (!clean) return { undefended, predictions, cleanModel: null };
  const cleanHead = await headOf(clean);
  return { undefended, predictions, cleanModel: measureHead(cleanHead, await embeddingsOf(clean), threat) };
}

function resultOf(
  classes: readonly string[],
  predictions: Predictions,
  { predictions: before, cleanModel }: Baselines,
  cure: Cure,
): Omit<Measured, 'seconds' | 'peakBytes' | 'machine'> {
  return {
    kind: 'measured',
    counts: measure(predictions),
    clean: cleanModel,
    floor: floorOf(cleanModel, before),
    classCount: classes.length,
    target: predictions.target === undefined ? null : classes[predictions.target]!,
    harm: harmBetween(classes, before, predictions),
    ...picturesOf(predictions),
    notes: notesOf(cure),
  };
}

/** Gives new weights a folder that is deleted once they are measured: a model for every cell would fill the disk. */
async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'antidote-cell-')).catch((error) =>
    blameDisk(fileProblem(tmpdir(), error)),
  );
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The dummy triggers that the defense found, where it inverts triggers. */
function notesOf(cure: Cure): JsonRecord {
  if (cure.kind === 'model' || !cure.inversion) return {};
  const { dummies, used } = cure.inversion;
  return {
    dummies: dummies.map((dummy) => {
      const { name, concentration, dominant, size } = dummy;
      return { name, concentration, dominant, size, used: used.includes(dummy) };
    }),
  };
}

/** Changed classes that a cell's record lists, of those that lost and of those that gained. */
const listedChanges = 5;

function harmBetween(classes: readonly string[], before: Predictions, { labels, clean, sources }: Predictions) {
  const { lost, gained, ...harm } = harmOf(classChanges(classes, labels, before.clean, clean, sources));
  return { ...harm, lost: lost.slice(0, listedChanges), gained: gained.slice(0, listedChanges) };
}

/** The result of every single picture, for comparing two defenses on the same pictures. */
function picturesOf({ labels, clean, triggered, target }: Predictions): Pick<Measured, 'right' | 'hit'> {
  const right = packBits(labels.length, (i) => clean[i] === labels[i]);
  const hits = target === undefined ? undefined : triggered;
  return { right, hit: hits ? packBits(labels.length, (i) => hits[i] === target) : null };
}
