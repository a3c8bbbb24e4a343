/** @file Finished cells on disk, one file each under its key: complete or not there, whoever writes. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { badData } from '../errors.ts';
import { writeFileAtomically } from '../tensor/files/atomic-file.ts';
import { fileProblem } from '../tensor/files/file-problem.ts';
import { readJsonIfThere } from '../tensor/files/json-file.ts';
import { type Cell, cell, type Outcome, outcome } from './cell.ts';

const stored = z.strictObject({ format: z.literal(1), ...cell.shape, outcome });

const advice = 'delete the file: it is computed again';

export interface CellStore {
  /** What came of the cell; undefined while it is not finished. */
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
      await mkdir(folder, { recursive: true }).catch((error) => {
        throw fileProblem(folder, error);
      });
      const record: z.infer<typeof stored> = { format: 1, ...finished, outcome: result };
      await writeFileAtomically(pathOf(finished.key), `${JSON.stringify(record, null, 2)}\n`);
    },
  };
}
