/** @file The cell function: a poisoned model, defended and measured. What cells share is computed once. */
import { cpus, hostname } from 'node:os';
import type { Clip, Head } from '../clip/clip.ts';
import { type Embeddings, encodePictures } from '../clip/encode.ts';
import { zeroShotHead } from '../clip/zero-shot.ts';
import type { PictureSet } from '../data/pictures.ts';
import { cbptDefaults } from '../defenses/cbpt/purify.ts';
import type { Engine } from '../engine/engine.ts';
import { encodeTest, measureHead, predictTest, type TestEmbeddings, testTrigger } from '../evaluation/evaluate.ts';
import { classChanges, harmOf } from '../evaluation/harm.ts';
import { measure, type Predictions, untriggeredShare } from '../evaluation/metrics.ts';
import type { Recorder } from '../runs/recorder.ts';
import type { Cell, CellFunction, Measured } from './cell.ts';
import type { BenchDefenses, Defended } from './defenses.ts';
import type { FeatureCache, FeatureIdentity } from './features.ts';
import type { CellMaterials, Materials } from './materials.ts';
import { packed } from './packed.ts';
import { forgetPeak, peakBytes } from './peak-memory.ts';

/** Seed of what triggers draw on test pictures: one for all seeds of a defence, so that all see the same pictures. */
const testSeed = 0;

/** What cells are computed with, opened once per process. */
export interface Workshop {
  readonly engine: Engine;
  readonly materials: Materials;
  readonly features: FeatureCache;
  readonly defenses: BenchDefenses;
}

/** A measured cell with what its report is drawn from. */
export interface Computed {
  readonly measured: Measured;
  readonly materials: CellMaterials;
  readonly defended: Defended;
  readonly undefended: Head;
  readonly test: TestEmbeddings;
}

/** `seen` is handed every cell before it counts as done. */
export function cellFunction(
  workshop: Workshop,
  seen: (cell: Cell, computed: Computed) => Promise<void>,
): CellFunction {
  return async (cell, recorder) => {
    const computed = await computeCell(workshop, cell, recorder);
    await seen(cell, computed);
    return computed.measured;
  };
}

async function computeCell(workshop: Workshop, cell: Cell, recorder: Recorder): Promise<Computed> {
  const { engine, defenses } = workshop;
  const started = performance.now();
  const measurable = await forgetPeak();
  const materials = await workshop.materials.openChecked(cell);
  const { clip, classes, shots, test, threat, clean } = materials;
  const { task } = cell;
  const shared = sharedFeatures(workshop, cell, threat, recorder);

  const defended = await defenses[task.defense]!.defend({
    engine,
    clip,
    shots,
    threat,
    options: task.options,
    seed: task.seed,
    recorder,
    shotFeatures: () => shared.plain(clip, shots, 'shots'),
  });
  const seen = defended.clip
    ? await encodeTest(engine, defended.clip, test, threat, testSeed, recorder)
    : await shared.test(clip, test);
  const predictions = predictTest(defended.head, seen, threat);
  const { templates } = cbptDefaults;
  const undefended = await zeroShotHead(engine, clip, classes, templates);
  const untouched = predictTest(undefended, await shared.test(clip, test), threat);
  const before =
    clean && measureHead(await zeroShotHead(engine, clean, classes, templates), await shared.test(clean, test), threat);

  const measured: Measured = {
    kind: 'measured',
    counts: measure(predictions),
    clean: before ?? null,
    floor: floorOf(before, untouched),
    classCount: classes.length,
    target: predictions.target === undefined ? null : classes[predictions.target]!,
    harm: harmBetween(classes, untouched, predictions),
    ...picturesOf(predictions),
    notes: defended.notes,
    seconds: Math.round((performance.now() - started) / 100) / 10,
    peakBytes: measurable ? await peakBytes() : null,
    machine: { host: hostname(), processor: cpus()[0]?.model.trim() ?? 'unknown', threads: engine.options.threads },
  };
  return { measured, materials, defended, undefended, test: seen };
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
  return { right, hit: triggered ? packed(labels.length, (i) => triggered[i] === target) : null };
}
