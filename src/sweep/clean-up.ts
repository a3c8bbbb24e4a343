/** @file Files that killed processes were writing into a shared store, once they are old enough to belong to nobody. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** No process takes so long over one file: whoever began it is gone. Milliseconds. */
const old = 3_600_000;

/** Other processes may be writing right now, so only what has not been touched for long is removed. */
export async function removeAbandoned(folders: readonly string[], now: number): Promise<void> {
  for (const folder of folders) {
    const names = await readdir(folder).catch(() => []); // Not there yet.
    for (const name of names) {
      if (!(name.startsWith('.') && name.endsWith('.tmp'))) continue;
      const path = join(folder, name);
      const status = await stat(path).catch(() => undefined);
      if (status && now - status.mtimeMs > old) await rm(path, { force: true });
    }
  }
}
