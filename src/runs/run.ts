/** @file A run directory: made, continued after any interruption, finished. Whatever stands in it is complete. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { badData, badUsage } from '../errors.ts';
import { writeFileAtomically } from '../tensor/files/atomic-file.ts';
import { fileProblem } from '../tensor/files/file-problem.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../tensor/safetensors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { JsonRecord, RunConfig, RunInput, RunRequest } from './config.ts';
import { environment } from './environment.ts';
import { type EventLog, openEventLog, tellsOfWork, workedSeconds } from './events.ts';
import { lockName, lockRun } from './lock.ts';
import { readConfig, readResult } from './read.ts';
import type { Checkpoint, Recorder } from './recorder.ts';
import { shellWord } from './shell-word.ts';

/** A run that this process holds and may write. */
export interface Run {
  readonly directory: string;
  readonly config: RunConfig;
  /** Whether an earlier process has worked on it. */
  readonly resumed: boolean;
  /** What an earlier process has finished with. */
  readonly result: JsonRecord | undefined;
  readonly events: EventLog;
  /** Seconds that have been worked on it, by earlier processes and by this one until now. */
  seconds(): number;
  /**
   * Notes what an input was, under its role (`model`, `data`, `trigger`, `code`).
   * @throws badData if the run was begun with another one: going on would mix two inputs in one result.
   */
  pin(role: string, input: RunInput): Promise<void>;
  /** Writes result.json: the last thing a run does. */
  finish(result: JsonRecord): Promise<void>;
  /** Writes what is waiting and lets go of the run. */
  close(): Promise<void>;
  /**
   * As `close`, but takes a run that has not computed anything back: a wrong flag must not leave a folder behind that
   * stands in the way of the right one. A run that has something to resume stays; the result says whether it did. Never
   * throws: what led here is being told already.
   */
  abandon(): Promise<boolean>;
}

/**
 * Begins a run in a new or empty directory.
 * @throws badUsage if something is there already, badData if it cannot be written.
 */
export async function createRun(directory: string, request: RunRequest): Promise<Run> {
  await makeFolder(directory);
  await checkEmpty(directory);
  const unlock = await lockRun(directory);
  try {
    await checkEmpty(directory); // Another process may have begun here before the lock was ours.
    await makeFolder(join(directory, 'checkpoints'));
    const config: RunConfig = {
      format: 1,
      ...request,
      ...environment(),
      inputs: {},
      started: new Date().toISOString(),
    };
    await writeConfig(directory, config);
    const events = await openEventLog(join(directory, 'events.jsonl'));
    return heldRun(directory, config, events, { resumed: false, result: undefined, earlierSeconds: 0 }, unlock);
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** Takes up a run that an earlier process began, to go on with it. */
export async function openRun(directory: string): Promise<Run> {
  await readConfig(directory);
  const unlock = await lockRun(directory);
  try {
    const config = await readConfig(directory);
    const result = await readResult(directory);
    await makeFolder(join(directory, 'checkpoints'));
    await removeUnfinished(directory);
    const path = join(directory, 'events.jsonl');
    const events = await openEventLog(path);
    const earlierSeconds = await workedSeconds(path, config.started);
    const { versions, platform } = environment();
    if (!result) events.append({ stage: 'run', resumed: true, node: versions.node, processor: platform.processor });
    return heldRun(directory, config, events, { resumed: true, result, earlierSeconds }, unlock);
  } catch (error) {
    await unlock();
    throw error;
  }
}

function heldRun(
  directory: string,
  config: RunConfig,
  events: EventLog,
  { resumed, result, earlierSeconds }: Pick<Run, 'resumed' | 'result'> & { readonly earlierSeconds: number },
  unlock: () => Promise<void>,
): Run {
  const taken = performance.now();
  let current = config;
  return {
    directory,
    seconds: () => earlierSeconds + (performance.now() - taken) / 1000,
    get config() {
      return current;
    },
    resumed,
    result,
    events,
    async pin(role, input) {
      const before = current.inputs[role];
      if (before?.sha256 === input.sha256) return;
      if (before) {
        throw badData(
          input.name,
          `SHA-256 ${input.sha256}`,
          `${before.sha256}, the ${role} that the run in ${directory} was begun with`,
          role === 'code' ? 'begin a new run, or go on with that version' : 'put that file back, or begin a new run',
        );
      }
      current = { ...current, inputs: { ...current.inputs, [role]: input } };
      await writeConfig(directory, current);
    },
    async finish(outcome) {
      await events.flush();
      await writeFileAtomically(join(directory, 'result.json'), `${JSON.stringify(outcome, null, 2)}\n`);
    },
    async close() {
      await events.close().finally(unlock);
    },
    async abandon() {
      await events.close().catch(() => {});
      try {
        if (!resumed && !(await isUsed(directory))) await removeOwnFiles(directory);
      } catch {
        // The folder was taken away, or cannot be read or written any more: it stays as it is.
      } finally {
        await unlock().catch(() => {});
      }
      const kept = existsSync(join(directory, 'config.json'));
      if (!kept) await rmdir(directory).catch(() => {}); // Fails while there is anything else in it.
      return kept;
    },
  };
}

async function isUsed(directory: string): Promise<boolean> {
  if (await tellsOfWork(join(directory, 'events.jsonl'))) return true;
  return (await readdir(join(directory, 'checkpoints'))).length > 0;
}

async function removeOwnFiles(directory: string): Promise<void> {
  await rmdir(join(directory, 'checkpoints'));
  await rm(join(directory, 'config.json'));
  await rm(join(directory, 'events.jsonl'));
}

/** The recorder that writes into a run; `signal` is the caller's wish to stop. */
export function recorderFor(run: Run, signal: AbortSignal): Recorder {
  return {
    signal,
    record: (event) => run.events.append(event),
    async save(stage, { step, tensors }) {
      await run.events.flush(); // So that no event of a saved step can be missing.
      await writeSafetensors(checkpointPath(run.directory, stage), tensors, { step: String(step) });
    },
    async restore(stage) {
      if (!run.resumed) return undefined;
      const checkpoint = await readCheckpoint(checkpointPath(run.directory, stage));
      run.events.append({ stage, restored: checkpoint?.step ?? 0 });
      return checkpoint;
    },
  };
}

async function readCheckpoint(path: string): Promise<Checkpoint | undefined> {
  if (!(await stat(path).catch(() => undefined))) return undefined;
  const { tensors, metadata } = await openSafetensors(path);
  const step = Number(metadata.step);
  if (!Number.isSafeInteger(step) || step < 0) {
    throw badData(path, `step ${JSON.stringify(metadata.step)}`, 'the number of steps done, in the metadata');
  }
  const entries: [string, Tensor][] = [];
  for (const [name, stored] of tensors) entries.push([name, await readTensor(stored)]);
  return { step, tensors: Object.fromEntries(entries) };
}

function checkpointPath(directory: string, stage: string): string {
  return join(directory, 'checkpoints', `${encodeURIComponent(stage)}.safetensors`);
}

/** Files that a killed process was writing: nobody else writes while the lock is ours. */
async function removeUnfinished(directory: string): Promise<void> {
  for (const folder of [directory, join(directory, 'checkpoints')]) {
    for (const name of await readdir(folder)) {
      if (name.startsWith('.') && name.endsWith('.tmp')) await rm(join(folder, name), { force: true });
    }
  }
}

async function writeConfig(directory: string, config: RunConfig): Promise<void> {
  await writeFileAtomically(join(directory, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((error) => {
    if (error.code === 'EEXIST') throw badUsage(path, 'a file', 'a new or empty folder');
    throw fileProblem(path, error);
  });
}

/** A process killed before it wrote config.json leaves a lock, an unfinished file, an empty folder: as good as empty. */
async function checkEmpty(directory: string): Promise<void> {
  const names = await readdir(directory).catch((error) => {
    throw fileProblem(directory, error);
  });
  const kept = names.filter((name) => name !== lockName && name !== 'checkpoints' && !name.endsWith('.tmp'));
  if (kept.includes('config.json')) {
    throw badUsage(
      directory,
      'an earlier run',
      'a new or empty folder',
      `go on with it by: antidote resume ${shellWord(directory)}`,
    );
  }
  if (kept.length > 0) {
    throw badUsage(
      directory,
      `a folder with ${kept.length} other file${kept.length === 1 ? '' : 's'} in it`,
      'a new or empty folder',
    );
  }
}
