/** @file A sweep: runs every cell that is not finished yet and stores every outcome, each once. */
import type { Cell, Outcome } from './cell.ts';
import type { CellNews, CellRunners } from './runners/cell-runners.ts';
import type { CellStore } from './store.ts';

export interface SweepNews {
  /** Called for cells that an earlier attempt has finished. */
  readonly kept: (cell: Cell, outcome: Outcome) => void;
  readonly news: (news: CellNews) => void;
}

/**
 * Brings all cells to an outcome. Cells with equal keys are one cell: computed once, whatever their number. A cell that
 * failed in an earlier attempt is tried again.
 *
 * @returns outcomes by key
 * @throws the signal's reason when asked to stop; the first error of storing an outcome or of `news`; what the runners
 * throw. Cells that were finished by then stay finished
 */
export async function sweep(
  cells: readonly Cell[],
  store: CellStore,
  runners: CellRunners,
  { kept, news }: SweepNews,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const open = new Map<string, Cell>();
  for (const cell of cells) {
    if (outcomes.has(cell.key) || open.has(cell.key)) continue;
    const stored = await store.read(cell.key);
    if (stored?.kind === 'measured') {
      outcomes.set(cell.key, stored);
      kept(cell, stored);
    } else {
      open.set(cell.key, cell);
    }
  }
  if (open.size === 0) return outcomes;

  const writing: Promise<void>[] = [];
  // An outcome that cannot be stored stops the runners: further work would be lost as well.
  const failed = new AbortController();
  const tell = (happened: CellNews) => {
    try {
      if (happened.kind === 'finished') {
        const cell = open.get(happened.key);
        if (!cell || outcomes.has(happened.key)) return;
        outcomes.set(happened.key, happened.outcome);
        writing.push(keep(store, cell, happened.outcome).catch((error) => failed.abort(error)));
      }
      news(happened);
    } catch (error) {
      failed.abort(error);
    }
  };
  try {
    await runners.run([...open.values()], tell, AbortSignal.any([signal, failed.signal]));
  } finally {
    await Promise.all(writing);
  }
  failed.signal.throwIfAborted();
  return outcomes;
}

/** Most outcomes are in the store already; those of workers elsewhere, and of processes that died, are not. */
async function keep(store: CellStore, cell: Cell, outcome: Outcome): Promise<void> {
  const stored = await store.read(cell.key);
  if (stored?.kind !== 'measured') await store.write(cell, outcome);
}
