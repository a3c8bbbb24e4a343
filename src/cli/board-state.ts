/** @file How a bench stands, as its board shows it: what became of every cell, how fast it goes, what is left. */
import type { RunEvent } from '../runs/recorder.ts';
import type { Cell, Outcome } from '../sweep/cell.ts';
import type { CellNews } from '../sweep/runners/crew.ts';

export type CellState = 'waiting' | 'running' | 'done' | 'failed';

/** Cells of one attack and one defense: a line of the board. */
export interface BoardGroup {
  readonly attack: string;
  readonly defense: string;
  readonly keys: readonly string[];
}

export interface BoardState {
  readonly groups: readonly BoardGroup[];
  /** Of every key. */
  readonly states: ReadonlyMap<string, CellState>;
  /** What running cells have told last. */
  readonly events: ReadonlyMap<string, RunEvent>;
  count(state: CellState): number;
  /** Seconds left, from how long cells of the same defense have taken; undefined before the first one is done. */
  secondsLeft(now: number): number | undefined;
  /** Cells a minute since the beginning, kept ones left out. */
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
  const begun = new Map<string, number>();
  /** By defense: cells that were computed here, and the milliseconds they took. */
  const took = new Map<string, { cells: number; time: number }>();
  const since = now;
  let most = 1;
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
  const computed = () => [...took.values()].reduce((sum, { cells: number }) => sum + number, 0);

  function finished(key: string, at: number): void {
    const defense = defenseOf.get(key)!;
    const spent = took.get(defense) ?? { cells: 0, time: 0 };
    // A worker elsewhere may have begun before anyone was told.
    took.set(defense, { cells: spent.cells + 1, time: spent.time + at - (begun.get(key) ?? at) });
  }

  return {
    groups: [...groups.values()],
    states,
    events,
    count,
    secondsLeft(at) {
      const all = computed();
      if (all === 0) return undefined;
      const mean = [...took.values()].reduce((sum, { time }) => sum + time, 0) / all;
      let left = 0;
      for (const [key, state] of states) {
        if (state === 'done' || state === 'failed') continue;
        const own = took.get(defenseOf.get(key)!);
        const usual = own ? own.time / own.cells : mean;
        left += Math.max(0, usual - (state === 'running' ? at - (begun.get(key) ?? at) : 0));
      }
      return left / 1000 / most;
    },
    perMinute(at) {
      const all = computed();
      return all === 0 || at <= since ? undefined : (60_000 * all) / (at - since);
    },
    keep(key, outcome) {
      states.set(key, stateOf(outcome));
    },
    tell(news, at) {
      const { key } = news;
      switch (news.kind) {
        case 'started':
          states.set(key, 'running');
          begun.set(key, at);
          most = Math.max(most, count('running'));
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
