/** @file One cell from its record to its outcome on disk, in a process or in a worker: computed at most once, never half. */
import type { Recorder } from '../runs/recorder.ts';
import { type Cell, type CellFunction, failure, type Outcome } from './cell.ts';
import { blameDisk, isMachineFailure, WorkerFailure } from './runners/worker-failures.ts';
import type { CellStore } from './store.ts';

/** Brings one cell to its outcome, which may be the error that the cell failed with. */
export type RunCell = (cell: Cell, recorder: Recorder) => Promise<Outcome>;

/**
 * Reads a cell from the store where another process has finished it; computes and stores it otherwise. An error of the
 * cell is its outcome, and the next request for the cell tries it again.
 *
 * The returned function throws the recorder's reason when asked to stop, and `WorkerFailure`, which is no outcome of the
 * cell.
 */
export function storedIn(store: CellStore, compute: CellFunction): RunCell {
  return async (cell, recorder) => {
    const stored = await store.read(cell.key).catch(blameDisk);
    if (stored?.kind === 'measured') return stored;
    const outcome = await compute(cell, recorder).catch((thrown) => {
      if (recorder.signal.aborted || thrown instanceof WorkerFailure) throw thrown;
      if (isMachineFailure(thrown)) blameDisk(thrown);
      return failure(thrown);
    });
    await store.write(cell, outcome).catch(blameDisk);
    return outcome;
  };
}
