/** @file A sweep: every cell that is not finished yet goes to the crew, every outcome into the store, each counted once. */
import type { Cell, Outcome } from './cell.ts';
import type { CellNews, Crew } from './runners/crew.ts';
import type { CellStore } from './store.ts';

export interface SweepNews {
  /** Cells that an earlier attempt has finished. */
  readonly kept: (cell: Cell, outcome: Outcome) => void;
  readonly news: (news: CellNews) => void;
}

/**
 * Brings all cells to an outcome. Cells with equal keys are one cell: computed once, whatever their number. A cell that
 * failed in an earlier attempt is tried again.
 *
 * @returns outcomes by key
 * @throws the signal's reason when asked to stop; the first outcome that could not be kept, or news that could not be
 * told; what the crew throws. What was finished until then stays finished
 */
export async function sweep(
  cells: readonly Cell[],
  store: CellStore,
  crew: Crew,
  { kept, news }: SweepNews,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const open = new Map<string, Cell>();
  for (const cell of cells) {
    if (outcomes.has(cell.key) || open.has(cell.key)) continue;
    const earlier = await store.read(cell.key);
    if (earlier?.kind === 'measured') {
      outcomes.set(cell.key, earlier);
      kept(cell, earlier);
    } else {
      open.set(cell.key, cell);
    }
  }
  if (open.size === 0) return outcomes;

  const writing: Promise<void>[] = [];
  // Whatever cannot be written down stops the crew: its work would be lost.
  const trouble = new AbortController();
  const tell = (told: CellNews) => {
    try {
      if (told.kind === 'finished') {
        const cell = open.get(told.key);
        if (!cell || outcomes.has(told.key)) return;
        outcomes.set(told.key, told.outcome);
        writing.push(keep(store, cell, told.outcome).catch((error) => trouble.abort(error)));
      }
      news(told);
    } catch (error) {
      trouble.abort(error);
    }
  };
  try {
    await crew.work([...open.values()], tell, AbortSignal.any([signal, trouble.signal]));
  } finally {
    await Promise.all(writing);
  }
  trouble.signal.throwIfAborted();
  return outcomes;
}

/** Whoever computed the cell has mostly written it already; a worker elsewhere, or one that died, has not. */
async function keep(store: CellStore, cell: Cell, outcome: Outcome): Promise<void> {
  const stored = await store.read(cell.key);
  if (stored?.kind !== 'measured') await store.write(cell, outcome);
}
