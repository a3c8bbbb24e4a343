/** @file The cell function: a poisoned model, defended and measured. What cells share is computed once. */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clip, Head } from '../clip/clip.ts';
import { type Embeddings, encodePictures } from '../clip/encode.ts';
import { zeroShotHead } from '../clip/zero-shot.ts';
import type { PictureSet } from '../data/pictures.ts';
import { type Classifying, type Cure, classifierOf, type DefenceTask, defend } from '../defenses/defense.ts';
import type { Engine } from '../engine/engine.ts';
import {
  encodeTest,
  handWrittenUnder,
  measureHead,
  predictTest,
  type TestEmbeddings,
  testTrigger,
} from '../evaluation/evaluate.ts';
import { classChanges, harmOf } from '../evaluation/harm.ts';
import { type Measures, measure, type Predictions, untriggeredShare } from '../evaluation/metrics.ts';
import type { JsonRecord } from '../runs/config.ts';
import type { Recorder, RunEvent } from '../runs/recorder.ts';
import type { Cell, CellFunction, Measured } from './cell.ts';
import type { FeatureCache, FeatureIdentity } from './features.ts';
import type { CellMaterials, Defences, Materials } from './materials.ts';
import { packed } from './packed.ts';
import { forgetPeak, peakBytes } from './peak-memory.ts';

/** Seed of what triggers draw on test pictures: one for all seeds of a defence, so that all see the same pictures. */
export const testSeed = 0;

/** Under this name every defence keeps the embeddings of the shots by the model as it came (`defenses/features.ts`). */
const shotFeatureStage = 'features';

/** What cells are computed with, opened once per process. */
export interface Workshop {
  readonly engine: Engine;
  readonly materials: Materials;
  readonly features: FeatureCache;
  readonly defences: Defences;
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
    const computed = await computeCell(workshop, cell, { ...recorder, record });
    await seen(cell, computed, events);
    return computed.measured;
  };
}

async function computeCell(workshop: Workshop, cell: Cell, recorder: Recorder): Promise<Computed> {
  const { engine, defences } = workshop;
  const started = performance.now();
  const measurable = await forgetPeak();
  const materials = await workshop.materials.openChecked(cell);
  const { clip, shots, test, threat, clean } = materials;
  const { names: classes, templates, prompt } = materials.classes;
  const { defense, seed, options } = cell.task;
  const shared = sharedFeatures(workshop, cell, threat, recorder);

  const told = withShotFeatures(recorder, () => shared.plain(clip, shots, 'shots'));
  const task: DefenceTask = { engine, clip, shots, templates, prompt, seed, recorder: told };
  const cure = await defend(defences[defense]!, task, options, threat);
  return inFolder(async (folder) => {
    const classifying = await classifierOf(task, cure, folder, threat);
    const seen =
      cure.kind === 'model'
        ? await encodeTest(engine, classifying.clip, test, threat, testSeed, recorder)
        : await shared.test(clip, test);
    const predictions = predictTest(classifying.head, seen, threat, classifying.underAttack);
    const handWritten = async (of: Clip) => {
      const head = await zeroShotHead(engine, of, classes, templates);
      return { head, underAttack: await handWrittenUnder(engine, of, head, templates, threat) };
    };
    const asItCame = await handWritten(clip);
    const untouched = predictTest(asItCame.head, await shared.test(clip, test), threat, asItCame.underAttack);
    const original = clean && { clip: clean, ...(await handWritten(clean)) };
    const before =
      original && measureHead(original.head, await shared.test(original.clip, test), threat, original.underAttack);

    const measured: Measured = {
      kind: 'measured',
      counts: measure(predictions),
      clean: before ?? null,
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
  const folder = await mkdtemp(join(tmpdir(), 'antidote-cell-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** To a defence, features of the shots that another cell has computed are those of an earlier attempt of its own. */
function withShotFeatures(recorder: Recorder, shotFeatures: () => Promise<Embeddings>): Recorder {
  return {
    ...recorder,
    async restore(stage) {
      if (stage !== shotFeatureStage) return recorder.restore(stage);
      const embeddings = await shotFeatures();
      return { step: embeddings.shape[0] ?? 0, tensors: { embeddings } };
    },
  };
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

/** Embeddings by frozen encoders: equal for every defence, so computed by the first cell that asks. */
function sharedFeatures(
  { engine, features }: Workshop,
  cell: Cell,
  threat: CellMaterials['threat'],
  recorder: Recorder,
) {
  const { code, device } = cell.ingredients;
  const identity = (clip: Clip, set: PictureSet, more: FeatureIdentity): FeatureIdentity => ({
    code: code!,
    device: device!,
    model: clip.sha256,
    architecture: JSON.stringify(clip.config),
    pictures: set.hash,
    ...more,
  });
  const options = (set: PictureSet, stage: string) => ({
    progress: (step: number) => recorder.record({ stage, step, steps: set.labels.length }),
    signal: recorder.signal,
  });
  const plain = (clip: Clip, set: PictureSet, stage: string): Promise<Embeddings> =>
    features.embeddings(identity(clip, set, {}), () => encodePictures(engine, clip, set, options(set, stage)));
  return {
    plain,
    async test(clip: Clip, set: PictureSet): Promise<TestEmbeddings> {
      const clean = await plain(clip, set, 'test pictures');
      const triggered =
        threat &&
        (await features.embeddings(identity(clip, set, { trigger: threat.sha256, seed: String(testSeed) }), () =>
          encodePictures(engine, clip, set, {
            transform: testTrigger(threat.trigger, testSeed),
            ...options(set, 'triggered pictures'),
          }),
        ));
      return { labels: set.labels, clean, triggered, ...(set.sources && { sources: set.sources }) };
    },
  };
}

function harmBetween(classes: readonly string[], before: Predictions, { labels, clean, sources }: Predictions) {
  const { lost, gained, ...harm } = harmOf(classChanges(classes, labels, before.clean, clean, sources));
  return { ...harm, lost: [...lost], gained: [...gained] };
}

/** The clean model's ASR; where it is not known, the share of untriggered pictures that are taken for the target. */
function floorOf(clean: Measured['clean'] | undefined, undefended: Predictions): Measured['floor'] {
  if (clean?.asr) return { asr: clean.asr, from: 'the model before poisoning' };
  if (undefended.target === undefined) return null;
  const asr = untriggeredShare(undefended, undefended.target);
  return asr && { asr, from: 'pictures without the trigger' };
}

/** What came of every single picture, for comparing two defences on the same ones. */
function picturesOf({ labels, clean, triggered, target }: Predictions): Pick<Measured, 'right' | 'hit'> {
  const right = packed(labels.length, (i) => clean[i] === labels[i]);
  const hits = target === undefined ? undefined : triggered;
  return { right, hit: hits ? packed(labels.length, (i) => hits[i] === target) : null };
}
