/** @file The data of a matrix page: cells and their outcomes, statistics, triggers. Survives JSON. */
import { percentOf } from '../../evaluation/interval.ts';
import type { Cell, Outcome } from '../../sweep/cell.ts';
import type { DrawnTrigger } from '../../sweep/plan.ts';
import type { Group, Overall, Statistics } from '../../sweep/statistics.ts';
import { sha256 } from '../../tensor/sha256.ts';
import type { ReportData } from '../report-data.ts';

export interface MatrixCell {
  readonly cell: Cell;
  /** Null before it is computed. */
  readonly outcome: Outcome | null;
  /** Path of its own report, relative to the page; null where it has none. */
  readonly report: string | null;
}

export interface MatrixDefense {
  readonly name: string;
  readonly summary: string;
  /** Whether it uses the trigger or the target, which no defender knows. */
  readonly oracle: boolean;
}

export interface MatrixData {
  /** The matrix file, as in the command line. */
  readonly source: string;
  readonly cells: readonly MatrixCell[];
  readonly defenses: readonly MatrixDefense[];
  readonly statistics: Statistics;
  readonly triggers: readonly DrawnTrigger[];
  readonly provenance: ReportData['provenance'];
}

/** Whether a heading says that a defense is an oracle: the name `oracle` says so already. */
export function needsOracleTag({ name, oracle }: MatrixDefense): boolean {
  return oracle && name !== 'oracle';
}

/** One table: everything on one class list with one number of shots. */
export interface Panel {
  readonly classes: string;
  readonly shots: number;
  readonly attacks: readonly string[];
  readonly defenses: readonly MatrixDefense[];
  group(attack: string, defense: string): Group | undefined;
  overall(defense: string): Overall | undefined;
  /** Highest RA to expect of a group, percent: the clean model's, or, where that is unknown, CA. Null without either. */
  ceiling(attack: string, defense: string): number | null;
  /** Mean of the ceilings of the attacks in `overall`. */
  overallCeiling(defense: string): number | null;
}

/** The tables of a matrix, in its order. */
export function panelsOf({ cells, statistics: { groups, overall }, defenses }: MatrixData): Panel[] {
  const cleanRa = new Map<string, number[]>();
  for (const { cell, outcome } of cells) {
    if (outcome?.kind !== 'measured' || !outcome.clean?.ra) continue;
    const key = groupKey(cell.task);
    cleanRa.set(key, [...(cleanRa.get(key) ?? []), percentOf(outcome.clean.ra)]);
  }
  const ceilingOf = (group: Group) => mean(cleanRa.get(groupKey(group)) ?? []) ?? group.ca?.mean ?? null;
  const kinds = unique(groups.map(({ classes, shots }) => JSON.stringify([classes, shots])));
  return kinds.map((kind) => {
    const [classes, shots] = JSON.parse(kind) as [string, number];
    const own = groups.filter((group) => group.classes === classes && group.shots === shots);
    const found = (attack: string, defense: string) =>
      own.find((group) => group.attack === attack && group.defense === defense);
    return {
      classes,
      shots,
      attacks: unique(own.map(({ attack }) => attack)),
      defenses,
      group: found,
      overall: (defense) =>
        overall.find((one) => one.classes === classes && one.shots === shots && one.defense === defense),
      ceiling(attack, defense) {
        const group = found(attack, defense);
        return group ? ceilingOf(group) : null;
      },
      overallCeiling(defense) {
        const complete = own.filter((group) => group.defense === defense && group.failed + group.missing === 0);
        return mean(complete.flatMap((group) => (group.ra ? (ceilingOf(group) ?? []) : [])));
      },
    };
  });
}

/** The unique id of a group's details on the page: letters and digits only, for any names. */
export function groupId(group: Group): string {
  return `g-${sha256(groupKey(group)).slice(0, 24)}`;
}

function groupKey({
  attack,
  defense,
  classes,
  shots,
}: Pick<Group, 'attack' | 'defense' | 'classes' | 'shots'>): string {
  return JSON.stringify([attack, defense, classes, shots]);
}

function mean(values: readonly number[]): number | null {
  return values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
