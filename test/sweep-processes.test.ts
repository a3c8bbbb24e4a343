/** @file A bench's processes on this machine: real ones, that fail, die, are killed and are stopped. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Cell, Outcome } from '../src/sweep/cell.ts';
import type { CellNews } from '../src/sweep/runners/cell-runners.ts';
import { processRunners } from '../src/sweep/runners/processes.ts';
import { openCellStore } from '../src/sweep/store.ts';
import { sweep } from '../src/sweep/sweep.ts';
import { tinyCell, tinyOutcome } from './sweep/tiny-cell.ts';

// Every test starts processes, each of which has to compile what it is made of.
vi.setConfig({ testTimeout: 240_000 });

const program = fileURLToPath(new URL('sweep/tiny-process.ts', import.meta.url));

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'antidote-sweep-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

interface Swept {
  readonly outcomes: ReadonlyMap<string, Outcome>;
  readonly news: readonly CellNews[];
  readonly kept: readonly string[];
}

async function swept(
  cells: readonly Cell[],
  { workers = 2, wish = '', signal = new AbortController().signal, seen = (_: CellNews) => {} } = {},
): Promise<Swept> {
  const runners = processRunners({ workers, program, args: [directory, wish], execArgv: ['--import', 'tsx'] });
  const news: CellNews[] = [];
  const kept: string[] = [];
  const told = {
    kept: (cell: Cell) => kept.push(cell.key),
    news: (one: CellNews) => {
      news.push(one);
      seen(one);
    },
  };
  return { outcomes: await sweep(cells, openCellStore(directory), runners, told, signal), news, kept };
}

const logged = async () => (await readFile(join(directory, 'log'), 'utf8')).trim().split('\n');

test('every cell is computed once, and its outcome is on the disk', async () => {
  const cells = ['a', 'b', 'c', 'd', 'e'].map((name) => tinyCell(name));
  const { outcomes } = await swept([...cells, cells[0]!]);
  for (const { key, task } of cells) {
    expect(outcomes.get(key)).toEqual(tinyOutcome(task));
    expect(await openCellStore(directory).read(key)).toEqual(tinyOutcome(task));
  }
  expect((await logged()).filter((line) => line.startsWith('begin'))).toHaveLength(5);
});

test('a cell that fails is red with its error, the others are computed, and the next sweep tries it alone', async () => {
  const cells = [tinyCell('good'), tinyCell('bad', { fail: 'the loss is not a number' }), tinyCell('fine')];
  const { outcomes } = await swept(cells);
  expect(outcomes.get(cells[1]!.key)).toEqual({ kind: 'failed', error: 'the loss is not a number', fault: 'internal' });
  expect(outcomes.get(cells[2]!.key)).toEqual(tinyOutcome(cells[2]!.task));

  const again = await swept(cells);
  expect(again.kept).toEqual([cells[0]!.key, cells[2]!.key]);
  expect(again.news.filter(({ kind }) => kind === 'started')).toHaveLength(1);
});

test('a process that dies in a cell is replaced, and the cell is tried again', async () => {
  const cells = [tinyCell('mortal', { die: 2 }), tinyCell('other')];
  const { outcomes, news } = await swept(cells, { workers: 1 });
  expect(outcomes.get(cells[0]!.key)).toEqual(tinyOutcome(cells[0]!.task));
  expect(outcomes.get(cells[1]!.key)).toEqual(tinyOutcome(cells[1]!.task));
  const lost = news.filter((one) => one.kind === 'lost');
  expect(lost).toEqual([
    { kind: 'lost', key: cells[0]!.key, why: 'the process ended by SIGKILL' },
    { kind: 'lost', key: cells[0]!.key, why: 'the process ended by SIGKILL' },
  ]);
});

test('a cell that kills every process is red after three, and the others are computed', async () => {
  const cells = [tinyCell('deadly', { die: 9 }), tinyCell('other')];
  const { outcomes } = await swept(cells, { workers: 1 });
  expect(outcomes.get(cells[0]!.key)).toEqual({
    kind: 'failed',
    error: 'the process ended by SIGKILL; that is 3 processes that did not survive this cell',
    fault: 'internal',
  });
  expect(outcomes.get(cells[1]!.key)).toEqual(tinyOutcome(cells[1]!.task));
});

test('a cell that ends the engine is red after three processes, and the others are computed', async () => {
  const cells = [tinyCell('exhausting', { exhaust: 9 }), tinyCell('heavy', { exhaust: 1 }), tinyCell('other')];
  const { outcomes } = await swept(cells, { workers: 1 });
  expect(outcomes.get(cells[0]!.key)).toMatchObject({
    kind: 'failed',
    error: expect.stringMatching(/^the process ended with exit code 1, .*3 processes that did not survive this cell$/),
  });
  for (const { key, task } of cells.slice(1)) expect(outcomes.get(key)).toEqual(tinyOutcome(task));
});

test('a process without room on its disk ends the sweep with its own error, and no cell is red', async () => {
  const cells = [tinyCell('full', { full: true }), tinyCell('later')];
  await expect(swept(cells, { workers: 1 })).rejects.toMatchObject({ where: 'disk', found: 'a full disk' });
  for (const { key } of cells) expect(await openCellStore(directory).read(key)).toBeUndefined();
});

test('asked to stop, running cells stop at their next step, and the next sweep does only what is left', async () => {
  const cells = [tinyCell('quick'), tinyCell('slow', { wait: 60_000 }), tinyCell('later')];
  const stop = new AbortController();
  const reason = new Error('enough');
  const seen = (news: CellNews) => news.kind === 'progress' && news.key === cells[1]!.key && stop.abort(reason);
  await expect(swept(cells, { workers: 1, signal: stop.signal, seen })).rejects.toBe(reason);
  const store = openCellStore(directory);
  expect(await store.read(cells[0]!.key)).toEqual(tinyOutcome(cells[0]!.task));
  expect(await store.read(cells[1]!.key)).toBeUndefined();
  expect(await store.read(cells[2]!.key)).toBeUndefined();
});

test('a process that cannot compute ends the sweep with its own error', async () => {
  await expect(swept([tinyCell('a'), tinyCell('b')], { wish: 'unusable' })).rejects.toMatchObject({
    fault: 'usage',
    where: 'device cuda',
    found: 'none that can be used',
  });
});

test('a process that does not even start ends the sweep with its last words', async () => {
  await expect(swept([tinyCell('a')], { wish: 'broken' })).rejects.toThrow(
    /tiny-process\.ts: found the process ended with exit code 1.*never any good/s,
  );
});

test('two processes compute at the same time', async () => {
  const cells = ['a', 'b'].map((name) => tinyCell(name, { meet: 2 }));
  await swept(cells, { workers: 2 });
  expect((await logged()).map((line) => line.split(' ')[0])).toEqual(['begin', 'begin', 'end', 'end']);
});
