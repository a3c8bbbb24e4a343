/** @file One pass over a file of weights: its hash, the checksums inside it, and whether its weights are finite. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { crc32 } from 'node:zlib';
import { explainingFile } from '../tensor/files/file-problem.ts';
import type { StoredTensor } from '../tensor/tensor.ts';
import { bytesKey, firstNonFinite, hasFloats, type NonFinite } from './finite.ts';
import { badChecksum, type Checksum } from './pytorch/open-pytorch.ts';

const pieceBytes = 1 << 20;

export interface ReadThrough {
  readonly sha256: string;
  /** Of tensors that overlap in the file only the first is scanned. */
  readonly nonFinite: NonFinite;
}

/** A scan takes the pieces of a file in their order; `start` is where in the file the piece begins. */
type Scan = (piece: Buffer, start: number) => void;

/**
 * @param tensors that lie in the file
 * @param checksums of its parts, in the order of the file, none overlapping another
 * @param onPiece receives the number of bytes of every piece that has been read
 * @throws AntidoteError (data) that names the part whose checksum differs
 */
export async function readThrough(
  path: string,
  tensors: Iterable<StoredTensor>,
  checksums: readonly Checksum[],
  onPiece: (bytes: number) => void = () => undefined,
): Promise<ReadThrough> {
  const hash = createHash('sha256');
  const nonFinite = new Map<string, number | undefined>();
  const scans = [checksumScan(path, checksums), finiteScan(tensors, nonFinite)];
  let start = 0;
  await explainingFile(path, async () => {
    for await (const piece of createReadStream(path, { highWaterMark: pieceBytes }) as AsyncIterable<Buffer>) {
      hash.update(piece);
      for (const scan of scans) scan(piece, start);
      start += piece.length;
      onPiece(piece.length);
    }
  });
  return { sha256: hash.digest('hex'), nonFinite };
}

/** Compares the parts of a file with their CRC-32. */
function checksumScan(path: string, checksums: readonly Checksum[]): Scan {
  let next = 0;
  let crc = 0;
  return (piece, start) => {
    const end = start + piece.length;
    for (let part = checksums[next]; part !== undefined && part.offset < end; part = checksums[next]) {
      const partEnd = part.offset + part.length;
      crc = crc32(piece.subarray(Math.max(0, part.offset - start), Math.max(0, partEnd - start)), crc);
      if (partEnd > end) break;
      if (crc !== part.crc) throw badChecksum(path, part, crc);
      next++;
      crc = 0;
    }
  };
}

/** Adds every tensor that ends in a piece to `nonFinite`. Scans each byte once, however many tensors claim it. */
function finiteScan(tensors: Iterable<StoredTensor>, nonFinite: Map<string, number | undefined>): Scan {
  const inOrder = withoutOverlaps([...tensors].filter(hasFloats));
  let next = 0;
  let previous = 0;
  let found: number | undefined;
  return (piece, start) => {
    const end = start + piece.length;
    for (let tensor = inOrder[next]; tensor !== undefined && tensor.offset < end; tensor = inOrder[next]) {
      found ??= firstNonFinite(tensor, piece, start, previous);
      if (tensor.offset + tensor.length > end) break;
      nonFinite.set(bytesKey(tensor), found);
      found = undefined;
      next++;
    }
    previous = piece.at(-1) ?? previous;
  };
}

/** In the order of the file; of tensors that overlap, the first. */
function withoutOverlaps(tensors: readonly StoredTensor[]): StoredTensor[] {
  const kept: StoredTensor[] = [];
  let end = 0;
  for (const tensor of [...tensors].sort((a, b) => a.offset - b.offset)) {
    if (tensor.offset < end) continue;
    kept.push(tensor);
    end = tensor.offset + tensor.length;
  }
  return kept;
}
