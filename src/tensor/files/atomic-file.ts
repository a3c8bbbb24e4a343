/** @file Files appear under their name complete or not at all, whatever happens while they are written. */
import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileProblem } from './file-problem.ts';

/**
 * Lets `write` fill a new file beside `path` and gives it that name only when everything is on the disk: written,
 * fsynced, renamed, and the folder fsynced so that the new name survives a power cut as well. An earlier file of the
 * name is replaced in the same instant; on any failure it stays as it was and the unfinished file is removed.
 */
export async function writeAtomically(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const unfinished = join(dirname(path), `.${basename(path).slice(0, 200)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const file = await open(unfinished, 'wx');
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => {});
    throw fileProblem(path, error);
  }
  await syncFolder(dirname(path));
}

/** Writes bytes, or text as UTF-8: see {@link writeAtomically}. */
export async function writeFileAtomically(path: string, content: Uint8Array | string): Promise<void> {
  await writeAtomically(path, (file) => file.writeFile(content));
}

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return; // Windows cannot open a folder and makes renames durable by itself.
  try {
    const handle = await open(folder, 'r');
    await handle.sync().finally(() => handle.close());
  } catch {
    // Some network file systems cannot sync a folder: the file itself is complete, only its name may be lost.
  }
}
