/** @file Who pays for a defense: accuracy of every class before and after. An average hides a class that is lost. */

/** Clean accuracy of one class: `before` and `after` count right answers among `n` pictures of `sources` drawings. */
export interface ClassChange {
  readonly label: string;
  readonly n: number;
  readonly sources: number;
  readonly before: number;
  readonly after: number;
}

/**
 * Right answers of every class under two heads.
 *
 * @param before predictions of the one on the same pictures, `after` of the other
 * @param sources which drawing each picture is a view of; every picture its own if left out
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

/** What a table has room for. Shares in [0, 1]; classes without pictures say nothing and count nowhere. */
export interface Harm {
  /** Classes with pictures. */
  readonly classes: number;
  /** Classes whose accuracy rose, and fell. */
  readonly rose: number;
  readonly fell: number;
  /** Mean over classes of the accuracy lost, gains counted as nothing. */
  readonly meanLoss: number;
  /** The classes that changed most, the largest loss and the largest gain first. */
  readonly lost: readonly ClassChange[];
  readonly gained: readonly ClassChange[];
}

/** After less before, a share in [-1, 1]; 0 for a class without pictures. */
export function changeOf({ n, before, after }: Pick<ClassChange, 'n' | 'before' | 'after'>): number {
  return n === 0 ? 0 : (after - before) / n;
}

/** @param shown classes listed at either end, of those that did lose or gain */
export function harmOf(changes: readonly ClassChange[], shown = 5): Harm {
  const counted = changes.filter(({ n }) => n > 0);
  // Among equals the class with more pictures, then by name: the lists must not depend on the order of classes.
  const larger = (a: ClassChange, b: ClassChange) =>
    Math.abs(changeOf(b)) - Math.abs(changeOf(a)) || b.n - a.n || (a.label < b.label ? -1 : 1);
  const lost = counted.filter((one) => changeOf(one) < 0).sort(larger);
  const gained = counted.filter((one) => changeOf(one) > 0).sort(larger);
  const total = lost.reduce((sum, one) => sum - changeOf(one), 0);
  return {
    classes: counted.length,
    rose: gained.length,
    fell: lost.length,
    meanLoss: counted.length === 0 ? 0 : total / counted.length,
    lost: lost.slice(0, shown),
    gained: gained.slice(0, shown),
  };
}
