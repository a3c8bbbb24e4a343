/** @file Harm of a defense by class: accuracy of every class before and after, since an average hides a lost class. */

/** Clean accuracy of one class: `before` and `after` count right answers among `n` pictures. */
export interface RightAnswers {
  readonly label: string;
  readonly n: number;
  readonly before: number;
  readonly after: number;
}

export interface ClassChange extends RightAnswers {
  /** Drawings that the pictures are views of. */
  readonly sources: number;
}

/**
 * Right answers of every class under two heads.
 *
 * @param before predictions of the first head, `after` those of the second, on the same pictures
 * @param sources the drawing that each picture is a view of; by default every picture is its own
 */
export function classChanges(
  classes: readonly string[],
  labels: Int32Array,
  before: Int32Array,
  after: Int32Array,
  sources?: Int32Array,
): ClassChange[] {
  const rows = classes.map((label) => ({ label, n: 0, before: 0, after: 0, seen: new Set<number>() }));
  labels.forEach((label, i) => {
    const row = rows[label]!;
    row.n++;
    row.seen.add(sources ? sources[i]! : i);
    if (before[i] === label) row.before++;
    if (after[i] === label) row.after++;
  });
  return rows.map(({ seen, ...row }) => ({ ...row, sources: seen.size }));
}

/** Shares in [0, 1]; classes without pictures are left out. */
export interface Harm<Change extends RightAnswers = ClassChange> {
  /** Classes with pictures. */
  readonly classes: number;
  /** Number of classes whose accuracy rose, and fell. */
  readonly rose: number;
  readonly fell: number;
  /** Mean over classes of the accuracy lost; a gain counts as 0. */
  readonly meanLoss: number;
  /** The classes themselves, the largest loss and the largest gain first. */
  readonly lost: readonly Change[];
  readonly gained: readonly Change[];
}

/** After less before, a share in [-1, 1]; 0 for a class without pictures. */
export function changeOf({ n, before, after }: RightAnswers): number {
  return n === 0 ? 0 : (after - before) / n;
}

/** Order of classes with equal changes: more pictures first, then by name. The order of the class list plays no part. */
export function equalChanges(a: RightAnswers, b: RightAnswers): number {
  return b.n - a.n || (a.label < b.label ? -1 : 1);
}

export function harmOf<Change extends RightAnswers>(changes: readonly Change[]): Harm<Change> {
  const counted = changes.filter(({ n }) => n > 0);
  const largestFirst = (a: Change, b: Change) => Math.abs(changeOf(b)) - Math.abs(changeOf(a)) || equalChanges(a, b);
  const lost = counted.filter((one) => changeOf(one) < 0).sort(largestFirst);
  const gained = counted.filter((one) => changeOf(one) > 0).sort(largestFirst);
  const total = lost.reduce((sum, one) => sum - changeOf(one), 0);
  return {
    classes: counted.length,
    rose: gained.length,
    fell: lost.length,
    meanLoss: counted.length === 0 ? 0 : total / counted.length,
    lost,
    gained,
  };
}
