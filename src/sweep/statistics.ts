/** @file Statistics of cells: means over seeds and over attacks with t intervals, and defenses compared on the same pictures. */
import { type Proportion, percentOf } from '../evaluation/interval.ts';
import { compareShares, type PairedComparison } from '../evaluation/paired.ts';
import { type SeedMean, seedMean } from '../evaluation/student.ts';
import type { Cell, Measured, Outcome } from './cell.ts';
import { unpackBits } from './picture-bits.ts';
import type { Plan } from './plan.ts';

const measures = ['ca', 'asr', 'asrAll', 'ra'] as const;
export type Measure = (typeof measures)[number];

/** Means in percent; null where nothing was measured. */
export type Means = { readonly [M in Measure]: SeedMean | null };

/** One attack under one defense, over seeds. */
export interface Group extends Means {
  readonly attack: string;
  readonly defense: string;
  readonly classes: string;
  readonly shots: number;
  readonly keys: readonly string[];
  /** Cells that failed, and cells that are not computed yet. */
  readonly failed: number;
  readonly missing: number;
  /** ASR that no defense can beat, percent. */
  readonly floor: number | null;
}

/** One defense over all attacks: means of the groups' means. The interval shows how much attacks differ. */
export interface Overall extends Means {
  readonly defense: string;
  readonly classes: string;
  readonly shots: number;
  /** Attacks with every cell computed; a mean over part of the cells could be too good. */
  readonly attacks: number;
  readonly ofAttacks: number;
  /** Mean of the groups' floors, percent; null where none is known. */
  readonly floor: number | null;
  readonly worst: { readonly attack: string; readonly asr: number } | null;
}

/**
 * A defense against the reference on the same pictures, attacks and seeds taken together. Shares in [-1, 1]. Intervals and
 * tests are over drawings: they say whether these runs differ, not whether other seeds would.
 */
export interface Comparison {
  readonly reference: string;
  readonly defense: string;
  readonly classes: string;
  readonly shots: number;
  /** Pairs of cells. */
  readonly pairs: number;
  readonly ca: PairedComparison | null;
  readonly asr: PairedComparison | null;
}

export interface Statistics {
  readonly groups: readonly Group[];
  readonly overall: readonly Overall[];
  readonly comparisons: readonly Comparison[];
}

/** The defense that all others are compared with. */
const reference = 'cbpt';
/** Seed of the bootstrap: the same table gives the same intervals. */
const comparisonSeed = 0;

export function statisticsOf({ cells, tests }: Plan, outcomes: ReadonlyMap<string, Outcome>): Statistics {
  const groups = grouped(cells, ({ attack, defense, classes, shots }) => [attack, defense, classes, shots]).map(
    (group) => groupOf(group, outcomes),
  );
  return {
    groups,
    overall: together(groups, ({ defense, classes, shots }) => [defense, classes, shots]).map(overallOf),
    comparisons: comparisonsOf(cells, tests, outcomes),
  };
}

function groupOf(cells: readonly Cell[], outcomes: ReadonlyMap<string, Outcome>): Group {
  const { attack, defense, classes, shots } = cells[0]!.task;
  // What seeds do not change is one cell: it counts once.
  const keys = [...new Set(cells.map(({ key }) => key))];
  const found = keys.map((key) => outcomes.get(key));
  const computed = found.filter((outcome) => outcome?.kind === 'measured');
  const floors = computed.flatMap(({ floor }) => (floor ? [percentOf(floor.asr)] : []));
  return {
    attack,
    defense,
    classes,
    shots,
    keys,
    failed: found.filter((outcome) => outcome?.kind === 'failed').length,
    missing: found.filter((outcome) => outcome === undefined).length,
    ...meansOf((measure) => computed.map(({ counts }) => counts[measure])),
    floor: meanFloor(floors),
  };
}

function meanFloor(floors: readonly number[]): number | null {
  return floors.length > 0 ? floors.reduce((sum, value) => sum + value, 0) / floors.length : null;
}

function meansOf(values: (measure: Measure) => readonly (Proportion | null)[]): Means {
  const mean = (measure: Measure): SeedMean | null => {
    const known = values(measure).filter((share) => share !== null);
    return known.length > 0 ? seedMean(known.map(percentOf)) : null;
  };
  return { ca: mean('ca'), asr: mean('asr'), asrAll: mean('asrAll'), ra: mean('ra') };
}

function overallOf(groups: readonly Group[]): Overall {
  const { defense, classes, shots } = groups[0]!;
  const complete = groups.filter(({ failed, missing }) => failed + missing === 0);
  const mean = (measure: Measure): SeedMean | null => {
    const known = complete.flatMap((group) => group[measure]?.mean ?? []);
    return known.length > 0 ? seedMean(known) : null;
  };
  const worst = complete.reduce<Overall['worst']>((found, { attack, asr }) => {
    return asr && asr.mean > (found?.asr ?? Number.NEGATIVE_INFINITY) ? { attack, asr: asr.mean } : found;
  }, null);
  return {
    defense,
    classes,
    shots,
    attacks: complete.length,
    ofAttacks: groups.length,
    floor: meanFloor(complete.flatMap(({ floor }) => floor ?? [])),
    worst,
    ca: mean('ca'),
    asr: mean('asr'),
    asrAll: mean('asrAll'),
    ra: mean('ra'),
  };
}

/** Two cells that differ only in the defense. */
interface Pair {
  readonly first: Measured;
  readonly second: Measured;
  readonly test: Plan['tests'][string];
  readonly target: string | undefined;
}

function comparisonsOf(
  cells: readonly Cell[],
  tests: Plan['tests'],
  outcomes: ReadonlyMap<string, Outcome>,
): Comparison[] {
  const named = ({ task }: Cell) => JSON.stringify([task.attack, task.classes, task.shots, task.seed]);
  const references = new Map(
    cells.filter(({ task }) => task.defense === reference).map((cell) => [named(cell), outcomes.get(cell.key)]),
  );
  const others = cells.filter(({ task }) => task.defense !== reference);
  return grouped(others, ({ defense, classes, shots }) => [defense, classes, shots]).flatMap((group) => {
    const { defense, classes, shots } = group[0]!.task;
    const pairs = group.flatMap((cell): Pair[] => {
      const [first, second] = [references.get(named(cell)), outcomes.get(cell.key)];
      const test = tests[cell.ingredients.test ?? ''];
      if (first?.kind !== 'measured' || second?.kind !== 'measured' || !test) return [];
      return [{ first, second, test, target: second.target ?? undefined }];
    });
    if (pairs.length === 0) return [];
    const compared = (of: 'right' | 'hit') => comparePairs(pairs, of);
    return [{ reference, defense, classes, shots, pairs: pairs.length, ca: compared('right'), asr: compared('hit') }];
  });
}

/** All pairs as one long list of pictures; the same drawing is one source in every pair. */
function comparePairs(pairs: readonly Pair[], of: 'right' | 'hit'): PairedComparison | null {
  const first: boolean[] = [];
  const second: boolean[] = [];
  const among: boolean[] = [];
  const sources: number[] = [];
  for (const pair of pairs) {
    const [a, b] = [pair.first[of], pair.second[of]];
    if (a === null || b === null) continue;
    const [holdsFirst, holdsSecond] = [unpackBits(a), unpackBits(b)];
    const target = pair.target === undefined ? -1 : pair.test.classes.indexOf(pair.target);
    pair.test.labels.forEach((label, position) => {
      first.push(holdsFirst(position));
      second.push(holdsSecond(position));
      among.push(of === 'right' || label !== target);
      sources.push(pair.test.sources?.[position] ?? position);
    });
  }
  return compareShares(
    {
      count: first.length,
      among: (position) => among[position]!,
      first: (position) => first[position]!,
      second: (position) => second[position]!,
      sources: Int32Array.from(sources),
    },
    comparisonSeed,
  );
}

function grouped(cells: readonly Cell[], by: (task: Cell['task']) => readonly unknown[]): Cell[][] {
  return together(cells, ({ task }) => by(task));
}

/** Groups items by name, in the order in which names appear. */
function together<T>(items: readonly T[], by: (item: T) => readonly unknown[]): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const name = JSON.stringify(by(item));
    const group = groups.get(name);
    if (group) group.push(item);
    else groups.set(name, [item]);
  }
  return [...groups.values()];
}
