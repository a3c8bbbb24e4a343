/** @file Errors of a worker whose inputs are not those that a cell was planned with. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tinyCell } from '../../test/sweep/tiny-cell.ts';
import { defenses } from '../defenses/defenses.ts';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { sha256 } from '../tensor/sha256.ts';
import { gatherMaterials } from './materials.ts';
import { OtherMaterials } from './runners/worker-failures.ts';

const folder = temporaryFolder();

test('the error for another device than the planned one names both, with the flag for each', async () => {
  const materials = await gatherMaterials('cuda', defenses);
  const planned = { ...tinyCell('cbpt'), ingredients: { device: sha256('cpu') } };
  await expect(materials.openChecked(planned)).rejects.toThrow(
    'device of badnet, cbpt, things: found cuda, expected cpu, for which the bench was planned; ' +
      'start the worker with --device cpu, or the bench with --device cuda',
  );
  await expect(materials.openChecked(planned)).rejects.toBeInstanceOf(OtherMaterials);
});

test('a model that this machine does not have is no failure of the cell', async () => {
  const materials = await gatherMaterials('cpu', defenses);
  const model = join(folder(), 'nowhere');
  const opened = materials.openChecked(tinyCell('cbpt', {}, { model }));
  await expect(opened).rejects.toBeInstanceOf(OtherMaterials);
  await expect(opened).rejects.toThrow(`${model}: found no such file or folder`);
});
