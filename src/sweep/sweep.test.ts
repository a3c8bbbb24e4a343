/** @file What becomes of a sweep whose outcomes or news cannot be written down. */
import { expect, test } from 'vitest';
import { tinyCell, tinyOutcome } from '../../test/sweep/tiny-cell.ts';
import type { Crew } from './runners/crew.ts';
import type { CellStore } from './store.ts';
import { sweep } from './sweep.ts';

const cells = ['a', 'b'].map((name) => tinyCell(name));
const never = new AbortController().signal;
const untold = { kept: () => {}, news: () => {} };
const full = new Error('no room on the disk');

const store: CellStore = { read: async () => undefined, write: async () => {} };
const fullStore: CellStore = { ...store, write: () => Promise.reject(full) };

/** Finishes the first cell at once, and works on the second one until it is asked to stop. */
const busy: Crew = {
  async work([first], tell, signal) {
    tell({ kind: 'finished', key: first!.key, outcome: tinyOutcome(first!.task) });
    signal.throwIfAborted();
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  },
};

/** Finishes all cells at once. */
const quick: Crew = {
  async work(all, tell) {
    for (const { key, task } of all) tell({ kind: 'finished', key, outcome: tinyOutcome(task) });
  },
};

test('an outcome that cannot be kept stops the crew, and is what the sweep ends with', async () => {
  await expect(sweep(cells, fullStore, busy, untold, never)).rejects.toBe(full);
  await expect(sweep(cells, fullStore, quick, untold, never)).rejects.toBe(full);
});

test('news that cannot be told stops the crew, and the first reason is what the sweep ends with', async () => {
  let told = 0;
  const unheard = {
    ...untold,
    news: () => {
      throw ++told === 1 ? full : new Error('a later one');
    },
  };
  await expect(sweep(cells, store, busy, unheard, never)).rejects.toBe(full);
  told = 0;
  await expect(sweep(cells, store, quick, unheard, never)).rejects.toBe(full);
});

test('the wish to stop is what the sweep ends with, and what was finished by then is kept', async () => {
  const kept: string[] = [];
  const keeping: CellStore = {
    ...store,
    write: async ({ key }) => {
      kept.push(key);
    },
  };
  const stop = new AbortController();
  const reason = new Error('enough');
  const told = { ...untold, news: () => stop.abort(reason) };
  await expect(sweep(cells, keeping, busy, told, stop.signal)).rejects.toBe(reason);
  expect(kept).toEqual([cells[0]!.key]);
});
