/** @file The page of a single cell, as `purify` and `evaluate` draw theirs. */

import { environment } from '../../runs/environment.ts';
import type { RunEvent } from '../../runs/recorder.ts';
import type { Cell } from '../../sweep/cell.ts';
import { type Computed, testSeed } from '../../sweep/compute.ts';
import { drawTrigger } from '../../triggers/trigger-pictures.ts';
import { lossCurves } from '../course.ts';
import { type Measured as Compared, classAccuracies, dummyPictures, exampleReadings } from '../gather.ts';
import { renderReport } from '../report.ts';

/** Test pictures that a cell's page shows: fewer than a run of its own does, for there are many cells. */
const shownExamples = 12;

/**
 * The page as text; undefined where the defense has changed the weights: its pages compare two heads over one and the
 * same image encoder.
 *
 * @param events what the computation has told
 */
export async function drawCellReport(
  { task, ingredients }: Cell,
  { measured, materials, cure, classifying, undefended, test }: Computed,
  events: readonly RunEvent[],
): Promise<string | undefined> {
  if (cure.kind === 'model') return undefined;
  const { clip, threat, shots } = materials;
  const purified = task.defense === 'none' ? undefined : classifying.head;
  const compared: Compared = {
    clip,
    set: materials.test,
    embeddings: test,
    undefended: undefended.head,
    purified,
    underAttack: { undefended: undefended.underAttack, purified: purified && classifying.underAttack },
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
    // A bench compares defenses: its controls use what nobody would believe.
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
