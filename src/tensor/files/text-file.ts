/** @file Text that people or other programs wrote: UTF-8, and no more of it than such a file can have. */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { badData } from '../../errors.ts';
import { fileProblem } from './file-problem.ts';

/** For readers without a bound of their own: what runs and matrices write is the largest of it, and has a few MB. */
export const mostTextBytes = 64 * 1024 * 1024;

/** Who has named a file. */
export interface Named {
  /** The user, who may wait for a pipe: `--classes <(ls pictures)`. What lies in a folder has to be a file. */
  readonly byUser?: boolean;
}

/** @throws AntidoteError (data) if there is no such file, if it is larger than `most` bytes, or no text */
export async function readSmallText(path: string, most = mostTextBytes, named: Named = {}): Promise<string> {
  try {
    return await readText(path, most, named);
  } catch (error) {
    throw fileProblem(path, error);
  }
}

/** No such file, or a file where its folder should be. */
const absent = ['ENOENT', 'ENOTDIR'];

/** The same; undefined where there is no such file. */
export async function readSmallTextIfThere(
  path: string,
  most = mostTextBytes,
  named: Named = {},
): Promise<string | undefined> {
  try {
    return await readText(path, most, named);
  } catch (error) {
    if (error instanceof Error && 'code' in error && absent.includes(String(error.code))) return undefined;
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
    const bytes = await readAtMost(path, file, most);
    // A byte order mark, which some editors put in front, is left out.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw badData(path, 'bytes that are not UTF-8', 'text', 'save it as UTF-8', error);
  } finally {
    await file.close();
  }
}

/** Counts while reading: a pipe has no size that could be asked for. */
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
