/** @file What a worker is told that does not have what a cell was planned with. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tinyCell } from '../../test/sweep/tiny-cell.ts';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { sha256 } from '../tensor/sha256.ts';
import { gatherMaterials } from './materials.ts';
import { OtherMaterials } from './runners/unable.ts';

const folder = temporaryFolder();

test('on another device than the bench was planned for, both are named, with the flag for either', async () => {
  const materials = await gatherMaterials('cuda');
  const planned = { ...tinyCell('cbpt'), ingredients: { device: sha256('cpu') } };
  await expect(materials.openChecked(planned)).rejects.toThrow(
    'device of badnet, cbpt, things: found cuda, expected cpu, for which the bench was planned; ' +
      'start the worker with --device cpu, or the bench with --device cuda',
  );
  await expect(materials.openChecked(planned)).rejects.toBeInstanceOf(OtherMaterials);
});

test('a model that only the bench has is missing on this machine, and not the fault of the cell', async () => {
  const materials = await gatherMaterials('cpu');
  const model = join(folder(), 'nowhere');
  const opened = materials.openChecked(tinyCell('cbpt', {}, { model }));
  await expect(opened).rejects.toBeInstanceOf(OtherMaterials);
  await expect(opened).rejects.toThrow(`${model}: found no such file or folder`);
});
