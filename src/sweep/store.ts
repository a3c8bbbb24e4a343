/** @file Finished cells on disk, a file for each, named by its key: complete or absent, with any number of writers. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { badData } from '../errors.ts';
import { explainingFile } from '../tensor/files/file-problem.ts';
import { readJsonIfThere, writeJson } from '../tensor/files/json-file.ts';
import { type Cell, cell, type Outcome, outcome } from './cell.ts';

const stored = z.strictObject({ format: z.literal(1), ...cell.shape, outcome });

const advice = 'delete the file: it is computed again';

export interface CellStore {
  /** The outcome of the cell; undefined while it is not finished. */
  read(key: string): Promise<Outcome | undefined>;
  write(finished: Cell, outcome: Outcome): Promise<void>;
}

/** Cells in `directory/cells`. Any number of processes may read and write at once: equal keys hold equal numbers. */
export function openCellStore(directory: string): CellStore {
  const folder = join(directory, 'cells');
  const pathOf = (key: string) => join(folder, `${key}.json`);
  return {
    async read(key) {
      const path = pathOf(key);
      const found = await readJsonIfThere(path, stored, { advice });
      if (found === undefined) return undefined;
      if (found.key === key) return found.outcome;
      throw badData(path, `the cell ${found.key}`, 'the one it is named after', advice);
    },
    async write(finished, result) {
      await explainingFile(folder, () => mkdir(folder, { recursive: true }));
      const record: z.infer<typeof stored> = { format: 1, ...finished, outcome: result };
      await writeJson(pathOf(finished.key), record);
    },
  };
}
