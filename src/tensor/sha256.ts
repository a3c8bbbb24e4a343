/** @file SHA-256 of bytes and of files, as lower-case hex. */
import { createHash } from 'node:crypto';
import { withFile } from './files/file-bytes.ts';

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Bytes that are read at a time. */
const pieceBytes = 1 << 20;

/** Reads the file piece by piece, however large it is. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await withFile(path, 'a file', async (file, size) => {
    // Small files are many: each gets a buffer of its own size. Files that are made when they are read have size 0.
    const piece = Buffer.allocUnsafe(Math.min(pieceBytes, Math.max(size, 4096)));
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, piece.length);
      if (bytesRead === 0) break;
      hash.update(piece.subarray(0, bytesRead));
    }
  });
  return hash.digest('hex');
}
