/** @file One process at a time writes a run: a lock file that names its holder, taken over when the holder is dead. */
import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import { badUsage } from '../errors.ts';
import { fileProblem, isProcessAlive, systemCode } from '../tensor/files/file-problem.ts';

export const lockName = 'run.lock';

/** `born`: the kernel's start time of the process; tells a holder from a later process with its number. */
const holder = z.strictObject({
  host: z.string(),
  process: z.number().int().positive(),
  born: z.string(),
  nonce: z.string(),
});
type Holder = z.infer<typeof holder>;

/**
 * Locks a run directory for this process; the returned function unlocks it.
 * The lock of a dead process is taken over: a killed run must continue without manual work.
 * @throws badUsage while another process holds it, or one on another host may.
 */
export async function lockRun(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, lockName);
  const mine: Holder = {
    host: hostname(),
    process: process.pid,
    born: await birthOf(process.pid),
    nonce: randomBytes(8).toString('hex'),
  };
  // A second and third attempt, in case another process releases or takes over the lock at this moment.
  for (let attempt = 0; attempt < 3; attempt++) {
    if (await createLock(path, mine)) return () => unlock(path, mine);
    const text = await readLock(path);
    if (text === undefined) continue;
    const theirs = parseHolder(text);
    if (theirs && (await mayBeAlive(theirs))) throw held(path, theirs);
    await removeStale(path, text);
  }
  throw badUsage(
    path,
    'several processes that want the same run',
    'one process per run',
    'wait until the others are done',
  );
}

/** Errors of file systems without links: exFAT, some network folders, some mounts in containers. */
const linkless: readonly string[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

/** Without links, a lock may be read half written for less than this. Milliseconds. */
const halfWritten = 100;

/** Whether a name is that of a lock that is being made or judged: a killed process leaves it. */
export function isHalfLock(name: string): boolean {
  return /^run\.lock\.[0-9a-f]+\.tmp$/.test(name);
}

/** False where there is a lock already. */
async function createLock(path: string, mine: Holder): Promise<boolean> {
  const aside = `${path}.${mine.nonce}.tmp`;
  try {
    await writeFile(aside, JSON.stringify(mine), { flag: 'wx' });
    await giveName(aside, path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw fileProblem(path, error);
  } finally {
    await rm(aside, { force: true }).catch(() => {});
  }
}

/**
 * The lock appears complete or not at all: written aside, then linked, which fails where the name exists. Where there
 * are no links it is written under its name, which fails there as well.
 */
async function giveName(aside: string, path: string): Promise<void> {
  try {
    await link(aside, path);
  } catch (error) {
    if (!linkless.includes(systemCode(error) ?? '')) throw error;
    await writeFile(path, await readFile(aside), { flag: 'wx' });
  }
}

async function unlock(path: string, mine: Holder): Promise<void> {
  // A process that took the lock over (its file was copied to another machine, say) keeps it.
  const text = await readLock(path);
  if (text !== undefined && parseHolder(text)?.nonce === mine.nonce) await rm(path, { force: true });
}

/** Removes the judged lock; another process's lock that has replaced it meanwhile is put back. */
async function removeStale(path: string, judged: string): Promise<void> {
  const aside = `${path}.${randomBytes(8).toString('hex')}.tmp`;
  try {
    await rename(path, aside);
    if ((await readFile(aside, 'utf8')) !== judged) await giveName(aside, path);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes(systemCode(error) ?? '')) throw fileProblem(path, error);
  } finally {
    await rm(aside, { force: true }).catch(() => {});
  }
}

/** The lock's text, undefined where there is none. One that does not parse may be half written: it is read again. */
async function readLock(path: string): Promise<string | undefined> {
  const text = await readIfThere(path);
  if (text === undefined || parseHolder(text)) return text;
  await setTimeout(halfWritten);
  return readIfThere(path);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw fileProblem(path, error);
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    return holder.parse(JSON.parse(text));
  } catch {
    return undefined; // Only a crash of the whole machine leaves such a lock; no process holds it.
  }
}

async function mayBeAlive(theirs: Holder): Promise<boolean> {
  if (theirs.host !== hostname()) return true;
  if (!isProcessAlive(theirs.process)) return false;
  const born = await birthOf(theirs.process);
  return born === '' || theirs.born === '' || born === theirs.born;
}

/**
 * Field 22 of Linux's /proc/PID/stat (see proc(5)) with the boot's id; empty where it cannot be read: then only the number
 * decides.
 */
async function birthOf(pid: number): Promise<string> {
  try {
    const [stat, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    ]);
    // The second field is the command in parentheses and may hold spaces: count from its end.
    return `${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}@${boot.trim()}`;
  } catch {
    return '';
  }
}

function held(path: string, theirs: Holder): Error {
  const here = theirs.host === hostname();
  return badUsage(
    path,
    `a run that process ${theirs.process}${here ? '' : ` on host ${theirs.host}`} is writing`,
    'a run that no other process is writing',
    here ? 'wait for it or stop it' : 'if that host or container is gone, delete this file',
  );
}
