/** @file Sweeps whose outcomes or news cannot be written. */
import { expect, test } from 'vitest';
import { tinyCell, tinyOutcome } from '../../test/sweep/tiny-cell.ts';
import type { CellRunners } from './runners/cell-runners.ts';
import type { CellStore } from './store.ts';
import { sweep } from './sweep.ts';

const cells = ['a', 'b'].map((name) => tinyCell(name));
const never = new AbortController().signal;
const silent = { kept: () => {}, news: () => {} };
const full = new Error('no room on the disk');

const store: CellStore = { read: async () => undefined, write: async () => {} };
const fullStore: CellStore = { ...store, write: () => Promise.reject(full) };

/** Finishes the first cell at once, and works on the second one until it is asked to stop. */
const busy: CellRunners = {
  async run([first], tell, signal) {
    tell({ kind: 'finished', key: first!.key, outcome: tinyOutcome(first!.task) });
    signal.throwIfAborted();
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  },
};

/** Finishes all cells at once. */
const quick: CellRunners = {
  async run(all, tell) {
    for (const { key, task } of all) tell({ kind: 'finished', key, outcome: tinyOutcome(task) });
  },
};

test('an outcome that cannot be stored stops the runners, and the sweep ends with that error', async () => {
  await expect(sweep(cells, fullStore, busy, silent, never)).rejects.toBe(full);
  await expect(sweep(cells, fullStore, quick, silent, never)).rejects.toBe(full);
});

test('an error of the news callback stops the runners, and the sweep ends with the first one', async () => {
  let calls = 0;
  const failing = {
    ...silent,
    news: () => {
      throw ++calls === 1 ? full : new Error('a later one');
    },
  };
  await expect(sweep(cells, store, busy, failing, never)).rejects.toBe(full);
  calls = 0;
  await expect(sweep(cells, store, quick, failing, never)).rejects.toBe(full);
});

test('a sweep that is asked to stop ends with that reason and keeps what was finished by then', async () => {
  const kept: string[] = [];
  const keeping: CellStore = {
    ...store,
    write: async ({ key }) => {
      kept.push(key);
    },
  };
  const stop = new AbortController();
  const reason = new Error('enough');
  const stopping = { ...silent, news: () => stop.abort(reason) };
  await expect(sweep(cells, keeping, busy, stopping, stop.signal)).rejects.toBe(reason);
  expect(kept).toEqual([cells[0]!.key]);
});
