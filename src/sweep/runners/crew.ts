/** @file Whoever computes cells, seen from the bench: cells go in, news comes back. */
import type { RunEvent } from '../../runs/recorder.ts';
import type { Cell, Outcome } from '../cell.ts';

/** What happened to a cell. */
export type CellNews =
  | { readonly kind: 'started'; readonly key: string }
  | { readonly kind: 'progress'; readonly key: string; readonly event: RunEvent }
  /** Whoever computed it is gone; it will be computed again. */
  | { readonly kind: 'lost'; readonly key: string; readonly why: string }
  /** Whoever computed it was asked to stop, and has put it back: another one will begin it. */
  | { readonly kind: 'returned'; readonly key: string }
  | { readonly kind: 'finished'; readonly key: string; readonly outcome: Outcome };

/** Processes of this machine, or workers on any number of machines. */
export interface Crew {
  /**
   * Has every cell computed. Tells of each `finished` exactly once, and resolves when all are.
   *
   * @param tell must not throw
   * @throws the signal's reason when asked to stop; what keeps its members from computing at all. Processes of this
   * machine have stopped by then, at their next step; workers elsewhere finish the cells that they have begun
   */
  work(cells: readonly Cell[], tell: (news: CellNews) => void, signal: AbortSignal): Promise<void>;
}

/**
 * How often a cell is begun when the process that computes it dies: a machine may be taken away at a bad moment, but a
 * cell that kills three processes (by the memory it needs, say) would kill the fourth as well.
 */
export const mostTries = 3;

/** The outcome of a cell that has used up its tries. */
export function lostForGood(why: string): Outcome {
  const error = `${why}; that is ${mostTries} processes that did not survive this cell`;
  return { kind: 'failed', error, fault: 'internal' };
}
