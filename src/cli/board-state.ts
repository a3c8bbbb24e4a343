/** @file The state of a bench, as its board shows it: the state of every cell, the rate, the time left. */
import type { RunEvent } from '../runs/recorder.ts';
import type { Cell, Outcome } from '../sweep/cell.ts';
import type { CellNews } from '../sweep/runners/cell-runners.ts';

export type CellState = 'waiting' | 'running' | 'done' | 'failed';

/** Cells of one attack and one defense: a line of the board. */
export interface BoardGroup {
  readonly attack: string;
  readonly defense: string;
  readonly keys: readonly string[];
}

export interface BoardState {
  readonly groups: readonly BoardGroup[];
  /** By key. */
  readonly states: ReadonlyMap<string, CellState>;
  /** By key, the last event of a running cell. */
  readonly events: ReadonlyMap<string, RunEvent>;
  count(state: CellState): number;
  /** Seconds left, from the times of cells of the same defense; undefined before the first one is done. */
  secondsLeft(now: number): number | undefined;
  /** Cells a minute since the start, without those of an earlier attempt. */
  perMinute(now: number): number | undefined;
  keep(key: string, outcome: Outcome): void;
  tell(news: CellNews, now: number): void;
}

/** @param now milliseconds that never go back */
export function boardState(cells: readonly Cell[], now: number): BoardState {
  const groups = new Map<string, { attack: string; defense: string; keys: string[] }>();
  const states = new Map<string, CellState>();
  const defenseOf = new Map<string, string>();
  const events = new Map<string, RunEvent>();
  const startedAt = new Map<string, number>();
  /** By defense: how many cells were computed, and the milliseconds they took. */
  const spent = new Map<string, { count: number; time: number }>();
  let mostRunning = 1;
  for (const { key, task } of cells) {
    const name = JSON.stringify([task.attack, task.defense]);
    const group = groups.get(name) ?? { attack: task.attack, defense: task.defense, keys: [] };
    groups.set(name, group);
    if (states.has(key)) continue;
    states.set(key, 'waiting');
    defenseOf.set(key, task.defense);
    group.keys.push(key);
  }

  const count = (wanted: CellState) => [...states.values()].filter((state) => state === wanted).length;
  const stateOf = (outcome: Outcome): CellState => (outcome.kind === 'measured' ? 'done' : 'failed');
  const computed = () => [...spent.values()].reduce((sum, { count }) => sum + count, 0);

  function finished(key: string, at: number): void {
    const defense = defenseOf.get(key)!;
    const { count, time } = spent.get(defense) ?? { count: 0, time: 0 };
    // A cell that another worker computed may have no start.
    spent.set(defense, { count: count + 1, time: time + at - (startedAt.get(key) ?? at) });
  }

  return {
    groups: [...groups.values()],
    states,
    events,
    count,
    secondsLeft(at) {
      const all = computed();
      if (all === 0) return undefined;
      const mean = [...spent.values()].reduce((sum, { time }) => sum + time, 0) / all;
      let left = 0;
      for (const [key, state] of states) {
        if (state === 'done' || state === 'failed') continue;
        const same = spent.get(defenseOf.get(key)!);
        const usual = same ? same.time / same.count : mean;
        left += Math.max(0, usual - (state === 'running' ? at - (startedAt.get(key) ?? at) : 0));
      }
      return left / 1000 / mostRunning;
    },
    perMinute(at) {
      const all = computed();
      return all === 0 || at <= now ? undefined : (60_000 * all) / (at - now);
    },
    keep(key, outcome) {
      states.set(key, stateOf(outcome));
    },
    tell(news, at) {
      const { key } = news;
      switch (news.kind) {
        case 'started':
          states.set(key, 'running');
          startedAt.set(key, at);
          mostRunning = Math.max(mostRunning, count('running'));
          break;
        case 'progress':
          events.set(key, news.event);
          break;
        case 'lost':
        case 'returned':
          states.set(key, 'waiting');
          events.delete(key);
          break;
        case 'finished':
          states.set(key, stateOf(news.outcome));
          events.delete(key);
          finished(key, at);
          break;
      }
    },
  };
}
