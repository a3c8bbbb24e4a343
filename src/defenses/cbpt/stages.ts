/** @file Stages of a purification, and which of them come: what is found decides. Loads nothing, for whoever shows time left. */

/** A part of the work, under the name of its events. */
export interface PlannedStage {
  readonly name: string;
  /** Multiplications and additions. */
  readonly arithmetic: number;
  /** Left out where it is not so: what is found decides how patches are sought, and whether waves are sampled. */
  readonly onlyIf?: Course;
}

/** Which way a purification goes. */
const courses = ['something is found', 'nothing is found'] as const;
type Course = (typeof courses)[number];

/** The last of them, which a budget makes shorter. */
export const tuningStage = 'tune';

/** The work of the stages that come on the course that was taken; until one is, on that which takes longest. */
export function longestArithmetic(
  stages: readonly Pick<PlannedStage, 'arithmetic' | 'onlyIf'>[],
  taken?: Course,
): number {
  const on = (course: Course) => stages.filter(({ onlyIf = course }) => onlyIf === course);
  return Math.max(...(taken ? [taken] : courses).map((course) => totalArithmetic(on(course))));
}

/** The stages with this share of the steps of tuning, in (0, 1]. */
export function withTuning(stages: readonly PlannedStage[], share: number): readonly PlannedStage[] {
  return stages.map((stage) =>
    stage.name === tuningStage ? { ...stage, arithmetic: share * stage.arithmetic } : stage,
  );
}

export const totalArithmetic = (stages: readonly Pick<PlannedStage, 'arithmetic'>[]) =>
  stages.reduce((sum, { arithmetic }) => sum + arithmetic, 0);
