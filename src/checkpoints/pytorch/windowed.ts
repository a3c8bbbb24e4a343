/** @file Reads many small neighbouring ranges of a file with few system calls. */
import type { FileHandle } from 'node:fs/promises';
import { readBytes } from '../../tensor/files/file-bytes.ts';

/** Reads bytes at an offset of the file. */
export type Read = (offset: number, length: number) => Promise<Buffer>;

/** Small entries are neighbours: one read covers many headers. */
const windowBytes = 4096;

/** Reads from the file only what the last read does not cover. */
export function windowed(path: string, file: FileHandle, size: number): Read {
  let bytes = Buffer.alloc(0);
  let start = 0;
  return async (offset, length) => {
    if (offset < start || offset + length > start + bytes.length) {
      bytes = await readBytes(path, file, offset, Math.max(length, Math.min(windowBytes, size - offset)));
      start = offset;
    }
    return bytes.subarray(offset - start, offset - start + length);
  };
}
