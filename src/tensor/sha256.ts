/** @file SHA-256 of bytes and of files, as lower-case hex. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { withFile } from './files/file-bytes.ts';

export const sha256Pattern = /^[0-9a-f]{64}$/;

export const sha256Schema = z.string().regex(sha256Pattern);

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const pieceBytes = 1 << 20;

/** Reads the file piece by piece, however large it is. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await withFile(path, 'a file', async (file, size) => {
    // Small files are frequent and get a buffer of their size. Virtual files (/proc) have size 0.
    const piece = Buffer.allocUnsafe(Math.min(pieceBytes, Math.max(size, 4096)));
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, piece.length);
      if (bytesRead === 0) break;
      hash.update(piece.subarray(0, bytesRead));
    }
  });
  return hash.digest('hex');
}
