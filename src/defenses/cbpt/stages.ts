/** @file Stages of a purification; findings decide which of them take place. Light to import, for the display of time left. */

/** A part of the work, named like its events. */
export interface PlannedStage {
  readonly name: string;
  /** Multiplications and additions. */
  readonly arithmetic: number;
  /** The course in which the stage takes place; every course if left out. */
  readonly onlyIf?: Course;
}

/** Courses of a purification: findings decide how patches are sought and whether waves are sampled. */
const courses = ['something is found', 'nothing is found'] as const;
type Course = (typeof courses)[number];

/** The last stage, which a budget shortens. */
export const tuningStage = 'tune';

/** The work of the stages on the course that was taken; while that is undecided, on the longest course. */
export function longestArithmetic(
  stages: readonly Pick<PlannedStage, 'arithmetic' | 'onlyIf'>[],
  taken?: Course,
): number {
  const on = (course: Course) => stages.filter(({ onlyIf }) => onlyIf === undefined || onlyIf === course);
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
