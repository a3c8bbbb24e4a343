/** @file The page of a single cell, like that of `purify` and `evaluate`. */
import { environment } from '../../runs/environment.ts';
import type { RunEvent } from '../../runs/recorder.ts';
import type { Cell } from '../../sweep/cell.ts';
import { type Computed, testSeed } from '../../sweep/compute-cell.ts';
import { drawTrigger } from '../../triggers/trigger-pictures.ts';
import { lossCurves } from '../course.ts';
import { type ComparedHeads, classAccuracies, dummyPictures, exampleReadings } from '../gather.ts';
import { renderReport } from '../report.ts';

/** Test pictures on a cell's page: fewer than on a run's page, since there are many cells. */
const shownExamples = 12;

/**
 * The page as text; undefined where the defense changed the weights: the page compares two heads over the same image
 * encoder.
 *
 * @param events of the computation
 */
export async function drawCellReport(
  { task, ingredients }: Cell,
  { measured, materials, cure, classifying, undefended, test }: Computed,
  events: readonly RunEvent[],
): Promise<string | undefined> {
  if (cure.kind === 'model') return undefined;
  const { clip, threat, shots } = materials;
  const purified = task.defense === 'none' ? undefined : classifying;
  const compared: ComparedHeads = {
    clip,
    set: materials.test,
    embeddings: test,
    undefended,
    purified,
    threat,
    seed: testSeed,
  };
  const { inversion } = cure;
  return renderReport({
    command: 'bench',
    model: clip.name,
    attack: threat?.attack ?? null,
    target: threat?.target ?? null,
    task: {
      classes: measured.classCount,
      test: materials.test.name,
      shots: purified ? { perClass: task.shots, count: shots.labels.length, from: shots.name } : null,
    },
    undefended: undefended.measures,
    purified: purified ? measured.counts : null,
    clean: measured.clean,
    floor: measured.floor,
    examples: await exampleReadings(compared, shownExamples),
    trueTrigger: threat ? await drawTrigger(compared, threat.trigger) : null,
    // Controls use dummy triggers that a scan would reject, so a verdict would be wrong here.
    finding: null,
    dummyTriggers: inversion
      ? await dummyPictures(compared, inversion, { shotsClean: inversion.clean, test: compared.embeddings })
      : [],
    curves: lossCurves(events),
    classes: classAccuracies(compared),
    provenance: {
      repeat: `a cell of a bench: ${task.attack}, ${task.defense}, seed ${task.seed}`,
      finished: new Date().toISOString(),
      stages: [{ name: task.defense, seconds: measured.seconds }],
      versions: environment().versions,
      hashes: ingredients,
      config: task,
    },
  });
}
