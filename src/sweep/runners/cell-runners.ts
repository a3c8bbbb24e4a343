/** @file What runs the cells of a bench, as the bench sees it: cells go in, news comes back. */
import type { RunEvent } from '../../runs/recorder.ts';
import type { Cell, Outcome } from '../cell.ts';

/** What happened to a cell. */
export type CellNews =
  | { readonly kind: 'started'; readonly key: string }
  | { readonly kind: 'progress'; readonly key: string; readonly event: RunEvent }
  /** Its process or worker is gone; the cell will be computed again. */
  | { readonly kind: 'lost'; readonly key: string; readonly why: string }
  /** Its worker was asked to stop and has put it back; another worker will take it. */
  | { readonly kind: 'returned'; readonly key: string }
  | { readonly kind: 'finished'; readonly key: string; readonly outcome: Outcome };

/** Processes of this machine, or workers on any number of machines. */
export interface CellRunners {
  /**
   * Has every cell computed. Reports each cell as `finished` exactly once, and resolves when all are.
   *
   * @param tell must not throw
   * @throws the signal's reason when asked to stop; the error that keeps all runners from computing. By then, processes
   * of this machine have stopped at their next step; workers elsewhere finish the cells they have started
   */
  run(cells: readonly Cell[], tell: (news: CellNews) => void, signal: AbortSignal): Promise<void>;
}

/**
 * How often a cell is started when the process that computes it dies: a machine may be taken away at a bad moment, but a
 * cell that kills three processes (by the memory it needs, say) would kill the fourth as well.
 */
export const mostTries = 3;

/** The outcome of a cell that has used up its tries. */
export function lostForGood(why: string): Outcome {
  const error = `${why}; that is ${mostTries} processes that did not survive this cell`;
  return { kind: 'failed', error, fault: 'internal' };
}
