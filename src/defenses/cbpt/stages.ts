/** @file Stages of a purification, and which of them come: what is found decides. Loads nothing, for whoever shows time left. */

/** A part of the work, under the name of its events. */
export interface PlannedStage {
  readonly name: string;
  /** Multiplications and additions. */
  readonly arithmetic: number;
  /** It takes what it takes: fewer steps of inversion and of tuning do not shorten it. */
  readonly fixed: boolean;
  /** Left out where it is not so: what is found decides how patches are sought, and whether waves are sampled. */
  readonly onlyIf?: 'something is found' | 'nothing is found';
}

/** The stages that come on a course. */
export function stagesOn<Stage extends Pick<PlannedStage, 'onlyIf'>>(
  stages: readonly Stage[],
  course: PlannedStage['onlyIf'],
): readonly Stage[] {
  return stages.filter(({ onlyIf = course }) => onlyIf === course);
}

export const totalArithmetic = (stages: readonly Pick<PlannedStage, 'arithmetic'>[]) =>
  stages.reduce((sum, { arithmetic }) => sum + arithmetic, 0);
