/** @file Atomic writing: a file appears under its name complete or not at all. */
import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileProblem } from './file-problem.ts';

/**
 * Lets `write` fill a new file beside `path` and renames it only when everything is on the disk: written, fsynced,
 * renamed, and the folder fsynced so that the new name survives a power cut. Renaming replaces an earlier file at once;
 * on any failure the earlier file stays unchanged and the unfinished one is removed.
 */
export async function writeAtomically(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const unfinished = join(dirname(path), unfinishedName(path));
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

/** A new hidden name for what is to become `path`. */
export function unfinishedName(path: string): string {
  return `.${basename(path).slice(0, 200)}.${randomBytes(6).toString('hex')}.tmp`;
}

/** Whether a name is one of {@link unfinishedName}. */
export function isUnfinishedName(name: string): boolean {
  return /^\..+\.[0-9a-f]{12}\.tmp$/.test(name);
}

/** Writes bytes, or text as UTF-8: see {@link writeAtomically}. */
export async function writeFileAtomically(path: string, content: Uint8Array | string): Promise<void> {
  await writeAtomically(path, (file) => file.writeFile(content));
}

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return; // Windows cannot open a folder, and its renames are durable.
  try {
    const handle = await open(folder, 'r');
    await handle.sync().finally(() => handle.close());
  } catch {
    // Some network file systems cannot sync a folder: the file is complete, but its new name may be lost.
  }
}
