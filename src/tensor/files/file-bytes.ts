/** @file Binary reading: opens regular files only, reads in pieces, refuses files that end early. */
import { access, type FileHandle, open, stat } from 'node:fs/promises';
import { badData } from '../../errors.ts';
import { fileProblem } from './file-problem.ts';

/** System calls stop at 2 GiB. */
const pieceBytes = 1 << 28;

/**
 * Opens a file for as long as `use` takes.
 *
 * @param expected what it should be, for errors: 'a safetensors file'
 */
export async function withFile<T>(
  path: string,
  expected: string,
  use: (file: FileHandle, size: number) => Promise<T>,
): Promise<T> {
  try {
    // Before opening: opening a pipe waits for a writer.
    const status = await stat(path);
    if (!status.isFile()) throw badData(path, status.isDirectory() ? 'a folder' : 'a device or pipe', expected);
    const file = await open(path, 'r');
    try {
      return await use(file, status.size);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw fileProblem(path, error);
  }
}

/** Reads into a new buffer that starts at offset 0, so that typed arrays of any width fit over it. */
export async function readBytes(
  path: string,
  file: FileHandle,
  offset: number,
  length: number,
): Promise<Buffer<ArrayBuffer>> {
  const bytes = Buffer.from(new ArrayBuffer(length));
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, Math.min(length - done, pieceBytes), offset + done);
    if (bytesRead === 0)
      throw badData(path, `its end at byte ${offset + done}`, `${offset + length} bytes`, 'the file is cut short');
    done += bytesRead;
  }
  return bytes;
}

/** Whether a file or folder of this name exists; a dangling link does not count. */
export function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Size of a file in bytes; 0 for a missing file, which opening it will report. */
export function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
