/** @file Many small things that lie beside each other in a file, read with few looks into it. */
import type { FileHandle } from 'node:fs/promises';
import { readBytes } from '../../tensor/files/file-bytes.ts';

/** Bytes at a place of the file. */
export type Read = (offset: number, length: number) => Promise<Buffer>;

/** Small entries are neighbours: one look into the file is enough for many headers. */
const windowBytes = 4096;

/** Reads what was not read already. */
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
