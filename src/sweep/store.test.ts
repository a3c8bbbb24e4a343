import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tinyCell, tinyOutcome } from '../../test/sweep/tiny-cell.ts';
import { unrecorded } from '../runs/recorder.ts';
import { fileProblem } from '../tensor/files/file-problem.ts';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { storedIn } from './run-cell.ts';
import { OtherMaterials, UnusableDisk } from './runners/worker-failures.ts';
import { openCellStore } from './store.ts';

const folder = temporaryFolder();
const [one, other] = [tinyCell('one'), tinyCell('other')];

test('an outcome comes back as it was written, and an unfinished cell has none', async () => {
  const store = openCellStore(join(folder(), 'plain'));
  await store.write(one, tinyOutcome(one.task));
  expect(await store.read(one.key)).toEqual(tinyOutcome(one.task));
  expect(await store.read(other.key)).toBeUndefined();
  expect(await readdir(join(folder(), 'plain', 'cells'))).toEqual([`${one.key}.json`]);
});

test('a file that was changed or renamed is refused by name', async () => {
  const directory = join(folder(), 'hostile');
  const store = openCellStore(directory);
  await store.write(one, tinyOutcome(one.task));
  const path = join(directory, 'cells', `${other.key}.json`);
  await writeFile(path, JSON.stringify({ format: 1, ...one, outcome: { kind: 'measured', counts: {} } }));
  await expect(store.read(other.key)).rejects.toThrow(`${path}: outcome.counts.ca: found nothing`);
  await writeFile(path, JSON.stringify({ format: 1, ...one, outcome: tinyOutcome(one.task) }));
  await expect(store.read(other.key)).rejects.toThrow(`found the cell ${one.key}, expected the one it is named after`);
});

test('a measured cell is not computed again, a failed one is', async () => {
  const store = openCellStore(join(folder(), 'again'));
  let calls = 0;
  const runCell = storedIn(store, async ({ task }) => {
    if (++calls === 1) throw new Error('at first');
    return tinyOutcome(task);
  });
  expect(await runCell(one, unrecorded())).toMatchObject({ kind: 'failed', error: 'at first' });
  expect(await runCell(one, unrecorded())).toEqual(tinyOutcome(one.task));
  expect(await runCell(one, unrecorded())).toEqual(tinyOutcome(one.task));
  expect(calls).toBe(2);
});

test('a stop and missing materials are no outcome: nothing is written', async () => {
  const store = openCellStore(join(folder(), 'stopped'));
  const missing = new OtherMaterials({ fault: 'data', where: 'model', found: 'another', expected: 'the same' });
  await expect(storedIn(store, () => Promise.reject(missing))(one, unrecorded())).rejects.toBe(missing);
  const reason = new Error('enough');
  const stopped = { ...unrecorded(), signal: AbortSignal.abort(reason) };
  await expect(storedIn(store, () => Promise.reject(reason))(one, stopped)).rejects.toBe(reason);
  expect(await store.read(one.key)).toBeUndefined();
});

test('a store that cannot be written is a failure of the disk, not of the cell', async () => {
  const directory = join(folder(), 'unwritable');
  await writeFile(directory, 'a file where the folder should be');
  const outcome = storedIn(openCellStore(directory), async ({ task }) => tinyOutcome(task))(one, unrecorded());
  await expect(outcome).rejects.toBeInstanceOf(UnusableDisk);
  await expect(outcome).rejects.toMatchObject({ where: join(directory, 'cells') });
});

test('a full disk is no failure of the cell that meets it, a missing file is', async () => {
  const store = openCellStore(join(folder(), 'full'));
  const failing = (code: string) => {
    const error = Object.assign(new Error(code), { code, syscall: 'write' });
    return storedIn(store, () => Promise.reject(fileProblem('weights.safetensors', error)))(one, unrecorded());
  };
  await expect(failing('ENOSPC')).rejects.toThrow('weights.safetensors: found a full disk');
  await expect(failing('ENOSPC')).rejects.toBeInstanceOf(UnusableDisk);
  expect(await store.read(one.key)).toBeUndefined();
  expect(await failing('ENOENT')).toMatchObject({ kind: 'failed', fault: 'data' });
});
