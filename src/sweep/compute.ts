/** @file The cell function: a poisoned model, defended and measured. What cells share is computed once. */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clip, Head } from '../clip/clip.ts';
import { type Classifying, type Cure, classifierOf, type DefenseTask, defend } from '../defenses/defense.ts';
import type { Engine } from '../engine/engine.ts';
import { withProgram } from '../engine/with-program.ts';
import { encodeTest, handWritten, measureHead, predictTest, type TestEmbeddings } from '../evaluation/evaluate.ts';
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
import { packed } from './packed.ts';
import { forgetPeak, peakBytes } from './peak-memory.ts';
import { blameDisk, DeadEngine } from './runners/unable.ts';

/** Seed of what triggers draw on test pictures: one for all seeds of a defense, so that all see the same pictures. */
export const testSeed = 0;

/** What cells are computed with, opened once per process. */
export interface Workshop {
  readonly engine: Engine;
  readonly materials: Materials;
  /** Embeddings by frozen encoders: equal for every defense, so computed by the first cell that asks. */
  readonly features: FeatureStore;
  readonly defenses: Defenses;
}

/** A measured cell with what its page is drawn from. */
export interface Computed {
  readonly measured: Measured;
  readonly materials: CellMaterials;
  readonly cure: Cure;
  readonly classifying: Classifying;
  /** Hand-written prompts on the model as it came. */
  readonly undefended: { readonly head: Head; readonly underAttack: Head; readonly measures: Measures };
  /** Test pictures as the defended model sees them. */
  readonly test: TestEmbeddings;
}

/** `seen` is handed every cell, and what was told of it, before it counts as done. */
export function cellFunction(
  workshop: Workshop,
  seen: (cell: Cell, computed: Computed, events: readonly RunEvent[]) => Promise<void>,
): CellFunction {
  return async (cell, recorder) => {
    const events: RunEvent[] = [];
    const record = (event: RunEvent) => {
      events.push(event);
      recorder.record(event);
    };
    const computed = await computeCell(workshop, cell, { ...recorder, record }).catch(async (thrown) => {
      throw (await computes(workshop.engine)) ? thrown : deadEngine(thrown);
    });
    await seen(cell, computed, events);
    return computed.measured;
  };
}

/** Whether it can do as little as doubling a number. */
async function computes(engine: Engine): Promise<boolean> {
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

async function computeCell(workshop: Workshop, cell: Cell, recorder: Recorder): Promise<Computed> {
  const { engine, defenses, features } = workshop;
  const started = performance.now();
  const measurable = await forgetPeak();
  const materials = await unlessStopped(workshop.materials.openChecked(cell), recorder.signal);
  const { clip, shots, test, threat, clean } = materials;
  const { names: classes, templates, prompt } = materials.classes;
  const { defense, seed, options } = cell.task;
  const sharing: Recorder = { ...recorder, features };
  const testOf = (tower: Clip, told = sharing) => encodeTest(engine, tower, test, threat, testSeed, told);

  const task: DefenseTask = { engine, clip, shots, templates, prompt, seed, recorder: sharing };
  const cure = await defend(defenses[defense]!, task, options, threat);
  return inFolder(async (folder) => {
    const classifying = await classifierOf(task, cure, folder, threat);
    // New weights are measured once and forgotten, and so are their embeddings.
    const seen = await (cure.kind === 'model' ? testOf(classifying.clip, recorder) : testOf(clip));
    const predictions = predictTest(classifying.head, seen, threat, classifying.underAttack);
    const written = (of: Clip) => handWritten(engine, of, classes, templates, threat, recorder);
    const asItCame = await written(clip);
    const untouched = predictTest(asItCame.head, await testOf(clip), threat, asItCame.underAttack);
    const original = clean && { clip: clean, ...(await written(clean)) };
    const before = original
      ? measureHead(original.head, await testOf(original.clip), threat, original.underAttack)
      : null;

    const measured: Measured = {
      kind: 'measured',
      counts: measure(predictions),
      clean: before,
      floor: floorOf(before, untouched),
      classCount: classes.length,
      target: predictions.target === undefined ? null : classes[predictions.target]!,
      harm: harmBetween(classes, untouched, predictions),
      ...picturesOf(predictions),
      notes: notesOf(cure),
      seconds: Math.round((performance.now() - started) / 100) / 10,
      peakBytes: measurable ? await peakBytes() : null,
      machine: { host: hostname(), processor: cpus()[0]?.model.trim() ?? 'unknown', threads: engine.options.threads },
    };
    const undefended = { ...asItCame, measures: measure(untouched) };
    return { measured, materials, cure, classifying, undefended, test: seen };
  });
}

/** A folder for new weights, which are measured and not kept: one model for every cell would fill the disk. */
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

/** What the method saw on its way, where it inverts triggers. */
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

function harmBetween(classes: readonly string[], before: Predictions, { labels, clean, sources }: Predictions) {
  const { lost, gained, ...harm } = harmOf(classChanges(classes, labels, before.clean, clean, sources));
  return { ...harm, lost: [...lost], gained: [...gained] };
}

/** What came of every single picture, for comparing two defenses on the same ones. */
function picturesOf({ labels, clean, triggered, target }: Predictions): Pick<Measured, 'right' | 'hit'> {
  const right = packed(labels.length, (i) => clean[i] === labels[i]);
  const hits = target === undefined ? undefined : triggered;
  return { right, hit: hits ? packed(labels.length, (i) => hits[i] === target) : null };
}
