import { expect, test } from 'vitest';
import { tinyCell, tinyOutcome } from '../../test/sweep/tiny-cell.ts';
import { boardLines, createBoard } from './board.ts';
import { boardState } from './board-state.ts';

const cells = ['badnet', 'wanet'].flatMap((attack) =>
  ['none', 'cbpt'].flatMap((defense) => [1, 2].map((seed) => tinyCell(defense, {}, { attack, seed }))),
);
const [first, second] = [cells[0]!, cells[1]!];
const outcome = tinyOutcome(first.task);
const failed = { kind: 'failed', error: 'no memory left', fault: 'internal' } as const;

function watched({ interactive = false, quiet = false } = {}) {
  let [text, time] = ['', 0];
  let tick = () => {};
  const board = createBoard(cells, {
    write: (more) => {
      text += more;
    },
    interactive,
    quiet,
    columns: () => 60,
    rows: () => 24,
    now: () => time,
    every(_, draw) {
      tick = draw;
      return () => {
        tick = () => {};
      };
    },
  });
  return {
    board,
    written: () => text,
    pass: (milliseconds: number) => {
      time += milliseconds;
      tick();
    },
  };
}

test('a line for every attack and defense shows which cells are done, running, failed and waiting', () => {
  const state = boardState(cells, 0);
  state.keep(first.key, outcome);
  state.tell({ kind: 'started', key: second.key }, 0);
  state.tell({ kind: 'progress', key: second.key, event: { stage: 'tune', step: 30, steps: 150 } }, 0);
  state.tell({ kind: 'started', key: cells[2]!.key }, 0);
  state.tell({ kind: 'finished', key: cells[2]!.key, outcome: failed }, 60_000);
  expect(boardLines(state, 60_000, 80, 24)).toEqual([
    '2/8 cells  1 running  1 failed  1.0/min  2:30 left',
    '  badnet  none  #>  tuning the prompts  30/150  20%',
    '  badnet  cbpt  x.',
    '  wanet   none  ..',
    '  wanet   cbpt  ..',
  ]);
});

test('a lost cell is waiting again', () => {
  const state = boardState(cells, 0);
  state.tell({ kind: 'started', key: first.key }, 0);
  state.tell({ kind: 'lost', key: first.key, why: 'killed' }, 10);
  expect([state.count('running'), state.count('waiting')]).toEqual([0, 8]);
});

test('a terminal with few rows shows the lines with news', () => {
  const state = boardState(cells, 0);
  state.tell({ kind: 'started', key: cells[6]!.key }, 0);
  const lines = boardLines(state, 0, 80, 5);
  expect(lines).toEqual(['0/8 cells  1 running', '  wanet   cbpt  >.', '  and 3 more lines without news']);
});

test('no line is wider than the terminal', () => {
  const state = boardState(cells, 0);
  expect(boardLines(state, 0, 12, 24).every((line) => line.length <= 11)).toBe(true);
});

test('off a terminal every finished cell is a plain line', () => {
  const { board, written } = watched();
  board.news({ kind: 'started', key: first.key });
  board.news({ kind: 'finished', key: first.key, outcome });
  board.news({ kind: 'finished', key: second.key, outcome: failed });
  board.settle();
  expect(written()).toMatch(/^1\/8 badnet, none, seed 1, things, 16 shots: CA \d+\.\d\d {2}ASR \d+\.\d\d {2}RA/);
  expect(written()).toMatch(/\n2\/8 badnet, none, seed 2, things, 16 shots: FAILED: no memory left\n$/);
  expect(written()).not.toContain('\x1b');
});

test('on a terminal the board is redrawn in place, and important lines stay above it', () => {
  const { board, written, pass } = watched({ interactive: true });
  pass(250);
  board.news({ kind: 'lost', key: first.key, why: 'the process ended by SIGKILL' });
  board.settle();
  const screen = written().split('\x1b[5A\x1b[J');
  expect(screen[1]).toMatch(/^badnet, none, seed 1, .*SIGKILL; it is computed again\n0\/8 cells/);
  expect(screen.at(-1)?.trimEnd().split('\n')).toHaveLength(5);
});

test('with quiet nothing is written', () => {
  const { board, written, pass } = watched({ interactive: true, quiet: true });
  pass(1000);
  board.news({ kind: 'finished', key: first.key, outcome: failed });
  board.note('no worker listens');
  board.settle();
  expect(written()).toBe('');
});
