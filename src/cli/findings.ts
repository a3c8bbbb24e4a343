/** @file Findings of inversion as JSON and as a page: shared by the jobs that invert. */
import type { Clip } from '../clip/clip.ts';
import type { PictureSet } from '../clip/pictures/pictures.ts';
import type { Inversion } from '../defenses/cbpt/inversion/dummy-triggers.ts';
import type { Suspicion } from '../detection/suspicion.ts';
import { dummyPictures } from '../report/gather.ts';
import type { FindingsData } from '../report/report-data.ts';
import type { Run } from '../runs/run.ts';
import { courseOf } from './report-files.ts';

/** Shots, with the requested number per class. */
export interface GivenShots {
  readonly set: PictureSet;
  readonly perClass: number;
  readonly seed: number;
}

/** A verdict in a result's JSON. */
export function findingRecord({ reasons, targets, candidates, ...verdict }: Suspicion) {
  return {
    ...verdict,
    reasons: [...reasons],
    targets: [...targets],
    candidates: candidates.map((candidate) => ({ ...candidate })),
  };
}

/** Dummy triggers in the order of the verdict's candidates, the others after them. */
function bySuspicion(dummies: Inversion['dummies'], { candidates }: Suspicion): Inversion['dummies'] {
  const rank = ({ form, dominant }: Inversion['dummies'][number]) => {
    const at = candidates.findIndex((one) => one.form === form && one.label === dominant);
    return at < 0 ? candidates.length : at;
  };
  return [...dummies].sort((a, b) => rank(a) - rank(b));
}

/** Fills the page of a run with dummy triggers and without measurements. */
export async function findingsOf(
  run: Run,
  command: FindingsData['command'],
  clip: Clip,
  { set, perClass, seed }: GivenShots,
  { dummies, used }: Inversion,
  suspicion: Suspicion,
): Promise<FindingsData> {
  const found = { dummies: bySuspicion(dummies, suspicion), used: command === 'scan' ? null : used };
  return {
    command,
    model: clip.name,
    task: { classes: set.classes.length, shots: { perClass, count: set.labels.length, from: set.name } },
    suspicion,
    dummyTriggers: await dummyPictures({ set, seed }, found),
    ...(await courseOf(run)),
  };
}
