/** @file Removes the temporary files that killed processes have left in a shared store. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** No process writes one file for so long, so the writer of an older one is dead. Milliseconds. */
const staleAfter = 3_600_000;

/** Other processes may be writing right now, so recently changed files stay. */
export async function removeStaleFiles(folders: readonly string[], now: number): Promise<void> {
  for (const folder of folders) {
    const names = await readdir(folder).catch(() => []); // Not there yet.
    for (const name of names) {
      if (!(name.startsWith('.') && name.endsWith('.tmp'))) continue;
      const path = join(folder, name);
      const status = await stat(path).catch(() => undefined);
      if (status && now - status.mtimeMs > staleAfter) await rm(path, { force: true });
    }
  }
}
