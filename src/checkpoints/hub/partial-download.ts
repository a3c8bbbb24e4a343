/**
 * @file Partial downloads: an interrupted download keeps its part, and the next one continues from it.
 *
 * During a download the part is named after its writer: `<etag>.<host>-<process>-<number>.incomplete`. An interrupted
 * one is named `<etag>.incomplete`, the name under which Python's `huggingface_hub` leaves and looks for parts. The
 * name holds the hash of the whole file, so a changed file starts anew.
 */
import { createHash, type Hash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, rename, rm, stat, truncate, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { AntidoteError, badData } from '../../errors.ts';
import { sizeOf } from '../../tensor/files/file-bytes.ts';
import { explainingFile, isProcessAlive } from '../../tensor/files/file-problem.ts';

/** A file of a repository at one commit. */
export interface CachedFile {
  /** Within the repository. */
  readonly path: string;
  readonly size: number;
  /** SHA-256 of a large file, Git's own hash of a small one; the name of its blob. */
  readonly etag: string;
}

/** The bytes of a file from byte `from` to its end, as a server sends them. */
export interface Rest {
  readonly from: number;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** Requests a file from a byte on. A server without support for ranges sends all of it. */
export type FetchRest = (from: number) => Promise<Rest>;

/** Most interruptions per file, each after new bytes have arrived. As many as in Python. */
const mostBreaks = 5;
/** Milliseconds before the next attempt. */
const afterBreak = 500;
/** Node cannot see Python's lock on the part that it writes. A part unchanged for this many milliseconds is free. */
const quiet = 60_000;

/** The bytes are wrong: continuing the download cannot help. */
class Damaged extends AntidoteError {}

/**
 * Completes a file and moves it to `blob`, its final name. Continues an existing part; on failure keeps the part for
 * the next time, unless it is known to be wrong.
 *
 * @param arrived receives the number of bytes that are there
 * @throws Damaged (data) if size or hash differ from the Hub's list; also the errors of `fetchRest`
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
        // The earlier part may have been wrong: start again.
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

/** One attempt. The hash at the end verifies the whole file. */
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
    const handle = await explainingFile(part, () => open(part, 'a'));
    try {
      if (from === 0 && size > 0) {
        await handle.truncate(0);
        hash = freshHash(file);
        size = 0;
      }
      for await (const piece of bytes) {
        size += piece.length;
        if (size > file.size) throw damaged(file, `more than ${file.size} bytes`, 'what is listed');
        await explainingFile(part, () => handle.writeFile(piece));
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

/** The Hub lists SHA-256 for large files, Git's hash for small ones: SHA-1 of a header and the content. */
function freshHash({ size, etag }: CachedFile): Hash {
  return etag.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`);
}

async function hashOf(part: string, file: CachedFile): Promise<Hash> {
  const hash = freshHash(file);
  if ((await sizeOf(part)) === 0) return hash;
  return explainingFile(part, async () => {
    for await (const piece of createReadStream(part)) hash.update(piece as Buffer);
    return hash;
  });
}

/** Renames the largest part that no process is writing to this process's name; deletes other such parts. */
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

/** Whether no process is writing the part. `age` is the time since its last change, in milliseconds. */
function isLeft(ending: string, age: number): boolean {
  if (ending === '.incomplete') return age > quiet;
  const [, theirHost, theirProcess] = /^\.([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.incomplete$/.exec(ending) ?? [];
  return theirHost === host && !isProcessAlive(Number(theirProcess));
}

/** Gives a part the name under which later downloads look, unless it is taken. Time 0 marks it as free. */
async function leaveFor(part: string, name: string): Promise<void> {
  if ((await sizeOf(part)) === 0) return rm(part, { force: true });
  if (await stat(name).catch(() => undefined)) return;
  await utimes(part, 0, 0);
  await rename(part, name);
}
