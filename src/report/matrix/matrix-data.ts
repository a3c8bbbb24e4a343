/** @file What the page of a matrix is drawn from: cells as they stand, what they come to, the triggers. Survives JSON. */
import type { Cell, Outcome } from '../../sweep/cell.ts';
import type { DrawnTrigger } from '../../sweep/plan.ts';
import type { Group, Overall, Statistics } from '../../sweep/statistics.ts';
import { sha256 } from '../../tensor/sha256.ts';
import type { ReportData } from '../report-data.ts';

export interface MatrixCell {
  readonly cell: Cell;
  /** Null while nobody has computed it. */
  readonly outcome: Outcome | null;
  /** Where its own report lies, relative to the page; null where none was drawn. */
  readonly report: string | null;
}

export interface MatrixDefense {
  readonly name: string;
  readonly summary: string;
  /** Told what no defender knows. */
  readonly oracle: boolean;
}

export interface MatrixData {
  /** The matrix file, as the user called it. */
  readonly source: string;
  readonly cells: readonly MatrixCell[];
  readonly defenses: readonly MatrixDefense[];
  readonly statistics: Statistics;
  readonly triggers: readonly DrawnTrigger[];
  readonly provenance: ReportData['provenance'];
}

/** One table: everything on one class list with one number of shots. */
export interface Panel {
  readonly classes: string;
  readonly shots: number;
  readonly attacks: readonly string[];
  readonly defenses: readonly MatrixDefense[];
  group(attack: string, defense: string): Group | undefined;
  overall(defense: string): Overall | undefined;
}

/** The tables of a matrix, in its order. */
export function panelsOf({ statistics: { groups, overall }, defenses }: MatrixData): Panel[] {
  const kinds = unique(groups.map(({ classes, shots }) => JSON.stringify([classes, shots])));
  return kinds.map((kind) => {
    const [classes, shots] = JSON.parse(kind) as [string, number];
    const own = groups.filter((group) => group.classes === classes && group.shots === shots);
    return {
      classes,
      shots,
      attacks: unique(own.map(({ attack }) => attack)),
      defenses,
      group: (attack, defense) => own.find((group) => group.attack === attack && group.defense === defense),
      overall: (defense) =>
        overall.find((one) => one.classes === classes && one.shots === shots && one.defense === defense),
    };
  });
}

/** The id of a group's details on the page: letters and digits only, whatever its names hold, and no other group's. */
export function groupId({ attack, defense, classes, shots }: Group): string {
  return `g-${sha256(JSON.stringify([attack, defense, classes, shots])).slice(0, 24)}`;
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
