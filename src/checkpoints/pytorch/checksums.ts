/** @file The hash of a file and the checksums inside it, in one pass. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { crc32 } from 'node:zlib';
import { fileProblem } from '../../tensor/file-problem.ts';
import { badChecksum, type Checksum } from './open-pytorch.ts';

/**
 * SHA-256 of a file whose parts are compared with their CRC-32 on the way. Weights are read for their hash anyway, so
 * that damage is found without reading them once more.
 *
 * @param checksums in the order of the file, none overlapping another
 * @throws AntidoteError (data) that names the part
 */
export async function sha256WithChecksums(path: string, checksums: readonly Checksum[]): Promise<string> {
  const hash = createHash('sha256');
  let next = 0;
  let crc = 0;
  let start = 0;
  try {
    for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
      hash.update(piece);
      const end = start + piece.length;
      for (let part = checksums[next]; part !== undefined && part.offset < end; part = checksums[next]) {
        const partEnd = part.offset + part.length;
        crc = crc32(piece.subarray(Math.max(0, part.offset - start), Math.max(0, partEnd - start)), crc);
        if (partEnd > end) break;
        if (crc !== part.crc) throw badChecksum(path, part.name);
        next++;
        crc = 0;
      }
      start = end;
    }
  } catch (error) {
    throw fileProblem(path, error);
  }
  return hash.digest('hex');
}
