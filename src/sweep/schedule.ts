/** @file Chooses the next cell for a process: one whose model and pictures it has open, or else of the fullest group. */
import type { Cell } from './cell.ts';

/** Cells of one group share a model and embeddings of test pictures: one process computes them best, one by one. */
export function groupOf({ task }: Cell): string {
  return JSON.stringify([task.model, task.trigger, task.target, task.classes, task.test]);
}

export interface Schedule {
  /** Takes a cell for a process whose last cell was of `group`; undefined if none is waiting. */
  take(group: string | undefined): Cell | undefined;
  /** Puts a cell back as the first of its group. */
  putBack(cell: Cell): void;
  /** A process has left a group. */
  leave(group: string): void;
}

/** Spreads processes over groups, so that no two compute the same embeddings at the same time. */
export function scheduleOf(cells: readonly Cell[]): Schedule {
  const groups = new Map<string, Cell[]>();
  const busy = new Map<string, number>();
  for (const cell of cells) {
    const group = groups.get(groupOf(cell));
    if (group) group.push(cell);
    else groups.set(groupOf(cell), [cell]);
  }
  const count = (group: string, by: number) => busy.set(group, (busy.get(group) ?? 0) + by);

  return {
    take(own) {
      const open = [...groups].filter(([, waiting]) => waiting.length > 0);
      // The group with most waiting cells for each process in it; the first of the matrix among equals.
      const share = ([name, waiting]: [string, Cell[]]) => waiting.length / (1 + (busy.get(name) ?? 0));
      const best =
        open.find(([name]) => name === own) ??
        open.reduce<[string, Cell[]] | undefined>((a, b) => (a && share(a) >= share(b) ? a : b), undefined);
      if (!best) return undefined;
      const [group, waiting] = best;
      if (group !== own) {
        if (own !== undefined) count(own, -1);
        count(group, 1);
      }
      return waiting.shift();
    },
    putBack(cell) {
      const group = groups.get(groupOf(cell));
      if (group) group.unshift(cell);
      else groups.set(groupOf(cell), [cell]);
    },
    leave: (group) => count(group, -1),
  };
}
