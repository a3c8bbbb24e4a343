import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tinyCell, tinyOutcome } from '../../test/sweep/tiny-cell.ts';
import { unrecorded } from '../runs/unrecorded.ts';
import { fileProblem } from '../tensor/files/file-problem.ts';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { performing } from './perform.ts';
import { OtherMaterials, UnusableDisk } from './runners/unable.ts';
import { openCellStore } from './store.ts';

const folder = temporaryFolder();
const [one, other] = [tinyCell('one'), tinyCell('other')];

test('an outcome comes back as it was written, and a cell that nobody has finished is not there', async () => {
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
  const perform = performing(async ({ task }) => {
    if (++calls === 1) throw new Error('at first');
    return tinyOutcome(task);
  }, store);
  expect(await perform(one, unrecorded())).toMatchObject({ kind: 'failed', error: 'at first' });
  expect(await perform(one, unrecorded())).toEqual(tinyOutcome(one.task));
  expect(await perform(one, unrecorded())).toEqual(tinyOutcome(one.task));
  expect(calls).toBe(2);
});

test('a wish to stop and missing materials are no outcome: nothing is written', async () => {
  const store = openCellStore(join(folder(), 'stopped'));
  const missing = new OtherMaterials({ fault: 'data', where: 'model', found: 'another', expected: 'the same' });
  await expect(performing(() => Promise.reject(missing), store)(one, unrecorded())).rejects.toBe(missing);
  const reason = new Error('enough');
  const stopped = { ...unrecorded(), signal: AbortSignal.abort(reason) };
  await expect(performing(() => Promise.reject(reason), store)(one, stopped)).rejects.toBe(reason);
  expect(await store.read(one.key)).toBeUndefined();
});

test('a store that cannot be written says nothing about the cell', async () => {
  const directory = join(folder(), 'unwritable');
  await writeFile(directory, 'a file where the folder should be');
  const performed = performing(async ({ task }) => tinyOutcome(task), openCellStore(directory))(one, unrecorded());
  await expect(performed).rejects.toBeInstanceOf(UnusableDisk);
  await expect(performed).rejects.toMatchObject({ where: join(directory, 'cells') });
});

test('a full disk is not the fault of the cell that finds it, a file that is missing is', async () => {
  const store = openCellStore(join(folder(), 'full'));
  const failing = (code: string) => {
    const said = Object.assign(new Error(code), { code, syscall: 'write' });
    return performing(() => Promise.reject(fileProblem('weights.safetensors', said)), store)(one, unrecorded());
  };
  await expect(failing('ENOSPC')).rejects.toThrow('weights.safetensors: found a full disk');
  await expect(failing('ENOSPC')).rejects.toBeInstanceOf(UnusableDisk);
  expect(await store.read(one.key)).toBeUndefined();
  expect(await failing('ENOENT')).toMatchObject({ kind: 'failed', fault: 'data' });
});
