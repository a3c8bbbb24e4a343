/** @file One pass over a file of weights: its hash, the checksums inside it, and whether its weights are numbers. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { crc32 } from 'node:zlib';
import { fileProblem } from '../tensor/files/file-problem.ts';
import type { StoredTensor } from '../tensor/tensor.ts';
import { bytesKey, firstInfinite, type Looked, mayBeInfinite } from './finite.ts';
import { badChecksum, type Checksum } from './pytorch/open-pytorch.ts';

const pieceBytes = 1 << 20;

export interface Pass {
  readonly sha256: string;
  /** Weights that lie one behind another in the file. Those that share bytes are looked at once, whoever uses the others. */
  readonly looked: Looked;
}

/**
 * @param tensors that lie in the file
 * @param checksums of its parts, in the order of the file, none overlapping another
 * @param passed told of every piece how many bytes it had
 * @throws AntidoteError (data) that names the part whose checksum is another
 */
export async function readThrough(
  path: string,
  tensors: Iterable<StoredTensor>,
  checksums: readonly Checksum[],
  passed: (bytes: number) => void = () => undefined,
): Promise<Pass> {
  const hash = createHash('sha256');
  const look = looking(tensors);
  const compare = comparing(path, checksums);
  let start = 0;
  try {
    for await (const piece of createReadStream(path, { highWaterMark: pieceBytes }) as AsyncIterable<Buffer>) {
      hash.update(piece);
      compare(piece, start);
      look.at(piece, start);
      start += piece.length;
      passed(piece.length);
    }
  } catch (error) {
    throw fileProblem(path, error);
  }
  return { sha256: hash.digest('hex'), looked: look.known };
}

/** Takes the pieces of a file in their order and compares its parts with their CRC-32. */
function comparing(path: string, checksums: readonly Checksum[]): (piece: Buffer, start: number) => void {
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

/** Takes the pieces of a file in their order and looks at every byte once, however many tensors claim it. */
function looking(tensors: Iterable<StoredTensor>): { at(piece: Buffer, start: number): void; readonly known: Looked } {
  const row = inRow(tensors);
  const known = new Map<string, number | undefined>();
  let next = 0;
  let previous = 0;
  let found: number | undefined;
  return {
    known,
    at(piece, start) {
      const end = start + piece.length;
      for (let tensor = row[next]; tensor !== undefined && tensor.offset < end; tensor = row[next]) {
        found ??= firstInfinite(tensor, piece, start, previous);
        if (tensor.offset + tensor.length > end) break;
        known.set(bytesKey(tensor), found);
        found = undefined;
        next++;
      }
      previous = piece.at(-1) ?? previous;
    },
  };
}

/** Tensors that may hold infinities, in the order of the file; of those that overlap, the first. */
function inRow(tensors: Iterable<StoredTensor>): StoredTensor[] {
  const row: StoredTensor[] = [];
  let end = 0;
  for (const tensor of [...tensors].filter(mayBeInfinite).sort((a, b) => a.offset - b.offset)) {
    if (tensor.offset < end) continue;
    row.push(tensor);
    end = tensor.offset + tensor.length;
  }
  return row;
}
