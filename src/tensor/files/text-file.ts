/** @file Reads text that people or other programs wrote: UTF-8 of a limited size. */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { badData } from '../../errors.ts';
import { explainingFile, fileProblem, isAbsent } from './file-problem.ts';

/** Default limit: the largest such files, those of runs and matrices, have a few MB. */
export const mostTextBytes = 64 * 1024 * 1024;

export interface Named {
  /** The user named the file, and may mean a pipe: `--classes <(ls pictures)`. Other paths must be regular files. */
  readonly byUser?: boolean;
}

/** @throws AntidoteError (data) if there is no such file, if it is larger than `most` bytes, or no text */
export async function readSmallText(path: string, most = mostTextBytes, named: Named = {}): Promise<string> {
  return explainingFile(path, () => readText(path, most, named));
}

/** Like {@link readSmallText}; undefined if there is no such file. */
export async function readSmallTextIfThere(
  path: string,
  most = mostTextBytes,
  named: Named = {},
): Promise<string | undefined> {
  try {
    return await readText(path, most, named);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw fileProblem(path, error);
  }
}

async function readText(path: string, most: number, { byUser = false }: Named): Promise<string> {
  if (!byUser) {
    const status = await stat(path);
    if (!status.isFile() && !status.isDirectory()) throw badData(path, 'a device or pipe', 'a file');
  }
  const file = await open(path, 'r');
  try {
    return decodedText(path, await readAtMost(path, file, most));
  } finally {
    await file.close();
  }
}

/** @throws AntidoteError (data) for text in another encoding than UTF-8 */
export function decodedText(path: string, bytes: Uint8Array): string {
  try {
    // The decoder drops the byte order mark that some editors write.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw badData(path, 'bytes that are not UTF-8', 'text', { advice: 'save it as UTF-8', cause: error });
  }
}

/** Counts while reading, as a pipe has no size. */
async function readAtMost(path: string, file: FileHandle, most: number): Promise<Buffer> {
  const { size } = await file.stat();
  if (size > most) throw badData(path, `${size} bytes`, `at most ${most}`);
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of file.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) {
    pieces.push(piece);
    length += piece.length;
    if (length > most) throw badData(path, `more than ${most} bytes`, 'less');
  }
  return Buffer.concat(pieces);
}
