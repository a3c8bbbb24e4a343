/**
 * @file Files on their way into the cache: what has arrived stays, and whoever asks again goes on from there.
 *
 * While somebody writes it, a part is called after its writer: `<etag>.<host>-<process>-<number>.incomplete`. Left behind,
 * it is `<etag>.incomplete`, which is where Python's `huggingface_hub` looks for what it may go on with and leaves its own.
 * The name holds the hash of the whole file, so a file that has changed begins anew.
 */
import { createHash, type Hash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, readdir, rename, rm, stat, truncate, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { AntidoteError, badData } from '../../errors.ts';
import { sizeOf } from '../../tensor/files/file-bytes.ts';
import { fileProblem } from '../../tensor/files/file-problem.ts';

/** A file of a repository at one commit. */
export interface CachedFile {
  /** Inside the repository. */
  readonly path: string;
  readonly size: number;
  /** SHA-256 of a large file, Git's own hash of a small one; the name of its blob. */
  readonly etag: string;
}

/** What a server sends of a file: from byte `from` to its end. */
export interface Rest {
  readonly from: number;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** Asks for a file from a byte on. A server that knows no parts sends all of it. */
export type FetchRest = (from: number) => Promise<Rest>;

/** Breaks of the connection that are put up with in one file, each after something new has arrived. As many as Python's. */
const mostBreaks = 5;
const afterBreak = 500;
/** Python locks the part it is writing in a way that Node cannot see: what is this old in milliseconds, nobody writes. */
const quiet = 60_000;

/** These bytes are not those of the file, and no more of them will make it so. */
class Damaged extends AntidoteError {}

/**
 * Completes a file and moves it to `blob`, its final name. Goes on with what is there already; whatever breaks, what has
 * arrived is kept for the next time, unless it is known to be wrong.
 *
 * @param arrived told how much of the file is there
 * @throws Damaged (data) if size or hash are not those of the list; otherwise whatever `fetchRest` throws
 */
export async function completeBlob(
  blob: string,
  file: CachedFile,
  fetchRest: FetchRest,
  arrived: (bytes: number) => void,
): Promise<void> {
  const part = await claimPart(blob);
  try {
    await complete(part, file, fetchRest, arrived);
    await rename(part, blob);
  } catch (error) {
    if (error instanceof Damaged) await rm(part, { force: true });
    else await leaveFor(part, `${blob}.incomplete`);
    throw error;
  }
}

async function complete(
  part: string,
  file: CachedFile,
  fetchRest: FetchRest,
  arrived: (bytes: number) => void,
): Promise<void> {
  let had = await sizeOf(part);
  for (let breaks = 0; ; ) {
    try {
      return await append(part, file, fetchRest, arrived);
    } catch (error) {
      if (error instanceof Damaged && had > 0) {
        // What was there before may have been wrong: all of it once more.
        await truncate(part, 0);
        had = 0;
        continue;
      }
      const has = await sizeOf(part);
      if (error instanceof AntidoteError || has <= had || ++breaks > mostBreaks) throw error;
      had = has;
      await setTimeout(afterBreak);
    }
  }
}

/** One attempt. Whether all of it is right is known at the end, by the hash. */
async function append(
  part: string,
  file: CachedFile,
  fetchRest: FetchRest,
  arrived: (bytes: number) => void,
): Promise<void> {
  const there = await sizeOf(part);
  if (there > file.size) throw damaged(file, `${there} bytes`, `${file.size}, as the Hub lists it`);
  let hash = await hashOf(part, file);
  let size = there;
  arrived(size);
  if (size < file.size || file.size === 0) {
    const { from, bytes } = await fetchRest(size);
    const handle = await open(part, 'a').catch((error) => {
      throw fileProblem(part, error);
    });
    try {
      if (from === 0 && size > 0) {
        await handle.truncate(0);
        hash = freshHash(file);
        size = 0;
      }
      for await (const piece of bytes) {
        size += piece.length;
        if (size > file.size) throw damaged(file, `more than ${file.size} bytes`, 'what is listed');
        await write(handle, part, piece);
        hash.update(piece);
        arrived(size);
      }
    } finally {
      await handle.close();
    }
  }
  if (size < file.size)
    throw badData(
      file.path,
      `${size} bytes`,
      `${file.size}, as the Hub lists it`,
      'the download was cut short; try again',
    );
  const digest = hash.digest('hex');
  if (digest !== file.etag) throw damaged(file, `the hash ${digest}`, `${file.etag}, as the Hub lists it`);
}

function damaged({ path }: CachedFile, found: string, expected: string): Damaged {
  return new Damaged({ fault: 'data', where: path, found, expected, advice: 'the download is damaged; try again' });
}

async function write(handle: FileHandle, path: string, piece: Uint8Array): Promise<void> {
  try {
    await handle.writeFile(piece);
  } catch (error) {
    throw fileProblem(path, error);
  }
}

/** The Hub lists the SHA-256 of large files; of small ones Git's, which is SHA-1 of a head and the content. */
function freshHash({ size, etag }: CachedFile): Hash {
  return etag.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`);
}

async function hashOf(part: string, file: CachedFile): Promise<Hash> {
  const hash = freshHash(file);
  if ((await sizeOf(part)) === 0) return hash;
  try {
    for await (const piece of createReadStream(part)) hash.update(piece as Buffer);
  } catch (error) {
    throw fileProblem(part, error);
  }
  return hash;
}

/** A name of our own for the largest part that nobody is writing; others like it are of no use any more. */
async function claimPart(blob: string): Promise<string> {
  const [folder, etag] = [dirname(blob), basename(blob)];
  const own = `${blob}.${host}-${process.pid}-${randomBytes(4).toString('hex')}.incomplete`;
  const left: { readonly path: string; readonly size: number }[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    const status = name.startsWith(etag) ? await stat(path).catch(() => undefined) : undefined;
    if (status && isLeft(name.slice(etag.length), Date.now() - status.mtimeMs)) left.push({ path, size: status.size });
  }
  left.sort((a, b) => b.size - a.size);
  let claimed = false;
  for (const { path } of left) {
    if (claimed) await rm(path, { force: true });
    // Another process may have been faster.
    else
      claimed = await rename(path, own).then(
        () => true,
        () => false,
      );
  }
  return own;
}

const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);

/** @param age milliseconds since it was last written */
function isLeft(ending: string, age: number): boolean {
  if (ending === '.incomplete') return age > quiet;
  const [, theirHost, theirProcess] = /^\.([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.incomplete$/.exec(ending) ?? [];
  return theirHost === host && !isAlive(Number(theirProcess));
}

function isAlive(number: number): boolean {
  try {
    process.kill(number, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Gives a part the name under which it is looked for, unless there is one. Its time is set back: nobody is writing it. */
async function leaveFor(part: string, name: string): Promise<void> {
  if ((await sizeOf(part)) === 0) return rm(part, { force: true });
  if (await stat(name).catch(() => undefined)) return;
  await utimes(part, 0, 0);
  await rename(part, name);
}
