/** @file One cell from its record to its outcome on disk, wherever it is computed: at most once, never half. */
import type { Recorder } from '../runs/recorder.ts';
import { type Cell, type CellFunction, failure, type Outcome } from './cell.ts';
import { blameDisk, tellsOfTheMachine, Unable } from './runners/unable.ts';
import type { CellStore } from './store.ts';

/** What a process that computes cells is handed. */
export type Performer = (cell: Cell, recorder: Recorder) => Promise<Outcome>;

/**
 * A performer that looks before it computes: a cell that another process has finished is read, not counted again. An
 * error of the cell is its outcome, and is tried again when it is asked for again.
 *
 * Throws the recorder's reason when asked to stop, and `Unable`, which says nothing about the cell.
 */
export function performing(compute: CellFunction, store: CellStore): Performer {
  return async (cell, recorder) => {
    const earlier = await store.read(cell.key).catch(blameDisk);
    if (earlier?.kind === 'measured') return earlier;
    const outcome = await compute(cell, recorder).catch((thrown) => {
      if (recorder.signal.aborted || thrown instanceof Unable) throw thrown;
      if (tellsOfTheMachine(thrown)) blameDisk(thrown);
      return failure(thrown);
    });
    await store.write(cell, outcome).catch(blameDisk);
    return outcome;
  };
}
