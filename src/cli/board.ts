/** @file The board of a bench: a line for every attack and defense, redrawn in place; plain lines off a terminal. */
import { percentages } from '../evaluation/metrics.ts';
import type { Cell, Outcome, Task } from '../sweep/cell.ts';
import type { CellNews } from '../sweep/runners/cell-runners.ts';
import { type BoardGroup, type BoardState, boardState, type CellState } from './board-state.ts';
import { duration, progressLine, rounded } from './progress-line.ts';
import type { Screen } from './terminal.ts';

export interface Board {
  kept(cell: Cell, outcome: Outcome): void;
  news(news: CellNews): void;
  /** Prints a line that stays. */
  note(line: string): void;
  /** Draws the last state for good. */
  settle(): void;
}

/** ASCII, because these characters are one column wide on every terminal. */
const marks: Readonly<Record<CellState, string>> = { waiting: '.', running: '>', done: '#', failed: 'x' };

const drawEvery = 250;

export function createBoard(cells: readonly Cell[], screen: Screen): Board {
  const state = boardState(cells, screen.now());
  const tasks = new Map(cells.map(({ key, task }) => [key, task]));
  let drawn = 0;

  function draw(last = false): void {
    if (screen.quiet || !screen.interactive) return;
    const lines = boardLines(state, screen.now(), screen.columns(), last ? Number.POSITIVE_INFINITY : screen.rows());
    screen.write(`${erased(drawn)}${lines.join('\n')}\n`);
    drawn = lines.length;
  }

  function line(text: string): void {
    if (screen.quiet) return;
    screen.write(`${erased(drawn)}${text}\n`);
    drawn = 0;
    draw();
  }

  const stop = screen.interactive && !screen.quiet ? screen.every(drawEvery, () => draw()) : undefined;
  return {
    kept: (cell, outcome) => state.keep(cell.key, outcome),
    news(news) {
      state.tell(news, screen.now());
      const task = tasks.get(news.key);
      if (!task) return;
      const failed = news.kind === 'finished' && news.outcome.kind === 'failed';
      if (news.kind === 'lost') line(`${named(task)}: ${news.why}; it is computed again`);
      else if (news.kind === 'finished' && (failed || !screen.interactive)) {
        line(`${progressOf(state)} ${named(task)}: ${summaryOf(news.outcome)}`);
      }
    },
    note: line,
    settle() {
      stop?.();
      draw(true);
    },
  };
}

/** The escape sequence that deletes the last `lines` lines. */
function erased(lines: number): string {
  return lines > 0 ? `\x1b[${lines}A\x1b[J` : '';
}

/** The board in at most `rows` lines of `columns` characters; where some do not fit, those with news are kept. */
export function boardLines(state: BoardState, now: number, columns: number, rows: number): string[] {
  const head = headLine(state, now);
  // One line stays free, or the terminal would scroll.
  const room = Math.max(1, rows - 3);
  const width = (of: (group: BoardGroup) => string) => Math.max(...state.groups.map((group) => of(group).length));
  const names = [width(({ attack }) => attack), width(({ defense }) => defense)] as const;
  const interest = (group: BoardGroup) =>
    group.keys.some((key) => state.states.get(key) === 'running') || hasFailed(group);
  const hasFailed = ({ keys }: BoardGroup) => keys.some((key) => state.states.get(key) === 'failed');
  const shown = state.groups.length <= room ? state.groups : state.groups.filter(interest).slice(0, room);
  const hidden = state.groups.length - shown.length;
  const lines = shown.map((group) => groupLine(state, group, names, now));
  const all = [head, ...lines, ...(hidden > 0 ? [`  and ${hidden} more lines without news`] : [])];
  return all.map((text) => text.slice(0, Math.max(1, columns - 1)));
}

function headLine(state: BoardState, now: number): string {
  const failed = state.count('failed');
  const running = state.count('running');
  const rate = state.perMinute(now);
  const left = state.secondsLeft(now);
  const parts = [
    `${state.count('done') + failed}/${state.states.size} cells`,
    ...(running > 0 ? [`${running} running`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(rate === undefined ? [] : [`${rounded(rate, 2)}/min`]),
    ...(left === undefined || running === 0 ? [] : [`${duration(left)} left`]),
  ];
  return parts.join('  ');
}

function groupLine(
  state: BoardState,
  { attack, defense, keys }: BoardGroup,
  [first, second]: readonly [number, number],
  now: number,
): string {
  const cells = keys.map((key) => marks[state.states.get(key)!]).join('');
  const event = keys.map((key) => state.events.get(key)).find((last) => last !== undefined);
  const news = event ? `  ${progressLine(event, [], now, 0)}` : '';
  return `  ${attack.padEnd(first)}  ${defense.padEnd(second)}  ${cells}${news}`;
}

function progressOf(state: BoardState): string {
  const done = state.count('done') + state.count('failed');
  return `${String(done).padStart(String(state.states.size).length)}/${state.states.size}`;
}

/** `badnet, cbpt, seed 1, things, 16 shots`. */
export function named({ attack, defense, seed, classes, shots }: Task): string {
  return `${attack}, ${defense}, seed ${seed}, ${classes}, ${shots} shots`;
}

function summaryOf(outcome: Outcome): string {
  if (outcome.kind === 'failed') return `FAILED: ${outcome.error}`;
  const { ca, asr, ra } = percentages(outcome.counts);
  const part = (name: string, value: number | null) => (value === null ? [] : [`${name} ${value.toFixed(2)}`]);
  return [...part('CA', ca), ...part('ASR', asr), ...part('RA', ra), `${outcome.seconds} s`].join('  ');
}
