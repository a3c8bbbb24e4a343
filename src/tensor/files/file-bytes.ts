/** @file Files as numbered bytes: opened only if they are files, read piece by piece, their early end noticed. */
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
    // Before opening: a pipe would keep us waiting for someone to write into it.
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

/** Reads into memory of its own, so that typed arrays of any width can be laid over it. */
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

/** Whether there is a file or folder of this name; a link to nothing is none. */
export function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Bytes of a file; none where there is no such file, which is for whoever opens it to say. */
export function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
