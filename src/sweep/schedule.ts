/** @file Which cell comes next: one whose model and pictures the process already has, or else where most are waiting. */
import type { Cell } from './cell.ts';

/** Cells that share embeddings of test pictures and models: best computed by one process, one after the other. */
export function groupOf({ task }: Cell): string {
  return JSON.stringify([task.model, task.trigger, task.target, task.classes, task.test]);
}

export interface Schedule {
  /** Takes a cell for a process that has computed cells of `group` last; undefined if none is waiting. */
  take(group: string | undefined): Cell | undefined;
  /** Puts a cell back, to be taken before all others of its group. */
  putBack(cell: Cell): void;
  /** A process has left a group. */
  leave(group: string): void;
}

/** Processes are spread over groups, so that two do not compute the same embeddings at the same time. */
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
      // Most cells for each process that would then work on them; in the matrix's order among equals.
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
