/** @file A run directory: made, continued after any interruption, finished. Every file in it is complete. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AntidoteError, badData, badUsage } from '../errors.ts';
import { isUnfinishedName } from '../tensor/files/atomic-file.ts';
import { explainingFile, fileProblem, isAbsent, systemCode } from '../tensor/files/file-problem.ts';
import { writeJson } from '../tensor/files/json-file.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../tensor/safetensors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { JsonRecord, RunConfig, RunInput, RunRequest } from './config.ts';
import { environment } from './environment.ts';
import { type EventLog, hasComputed, openEventLog, workedSeconds } from './events.ts';
import { isHalfLock, lockName, lockRun } from './lock.ts';
import { readConfig, readResult } from './read.ts';
import type { Checkpoint, Recorder } from './recorder.ts';
import { shellWord } from './shell-word.ts';

/** A fault of an input whose hash the run keeps. Mending the input changes it, so only a new run can use it. */
export class PinnedInputError extends AntidoteError {}

/** A run that this process has locked and may write. */
export interface Run {
  readonly directory: string;
  readonly config: RunConfig;
  /** Whether an earlier process has worked on it. */
  readonly resumed: boolean;
  /** The result, if an earlier process has finished the run. */
  readonly result: JsonRecord | undefined;
  readonly events: EventLog;
  /** Seconds of work on it, by earlier processes and by this one until now. */
  seconds(): number;
  /**
   * Notes the hash of an input under its role (`model`, `data`, `trigger`, `code`).
   * @throws PinnedInputError if the run started with another one: the result would mix two inputs.
   */
  pin(role: string, input: RunInput): Promise<void>;
  /** Writes result.json: the last thing a run does. */
  finish(result: JsonRecord): Promise<void>;
  /** Writes waiting events and unlocks the run. */
  close(): Promise<void>;
  /**
   * As `close`, but deletes a run that has not computed anything: a wrong flag must not leave a folder that blocks the
   * corrected command. A run with something to resume stays; returns whether it did. Never throws: the caller is already
   * reporting an error.
   *
   * @param cause after a `PinnedInputError`, only finished files are worth keeping
   */
  abandon(cause?: unknown): Promise<boolean>;
}

/**
 * Starts a run in a new or empty directory.
 * @throws badUsage if the directory is not empty, badData if it cannot be written.
 */
export async function createRun(directory: string, request: RunRequest): Promise<Run> {
  await makeFolder(directory);
  await checkEmpty(directory);
  const unlock = await lockRun(directory);
  try {
    await checkEmpty(directory); // Another process may have started here before the lock was ours.
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

/** Opens a run of an earlier process, to continue it. */
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
  const opened = performance.now();
  let current = config;
  return {
    directory,
    seconds: () => earlierSeconds + (performance.now() - opened) / 1000,
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
        throw new PinnedInputError({
          fault: 'data',
          where: input.name,
          found: `SHA-256 ${input.sha256}`,
          expected: `${before.sha256}, the ${role} that the run in ${directory} was begun with`,
          advice:
            role === 'code' ? 'begin a new run, or go on with that version' : 'put that file back, or begin a new run',
        });
      }
      current = { ...current, inputs: { ...current.inputs, [role]: input } };
      await writeConfig(directory, current);
    },
    async finish(outcome) {
      await events.flush();
      await writeJson(join(directory, 'result.json'), outcome);
    },
    async close() {
      await events.close().finally(unlock);
    },
    async abandon(cause) {
      await events.close().catch(() => {});
      try {
        if (!resumed && !(await isWorthKeeping(directory, cause))) await removeOwnFiles(directory);
      } catch {
        // The folder is gone, or cannot be read or written any more: it stays as it is.
      } finally {
        await unlock().catch(() => {});
      }
      const kept = existsSync(join(directory, 'config.json'));
      if (!kept) await rmdir(directory).catch(() => {}); // Fails while it has other files.
      return kept;
    },
  };
}

const ownNames: ReadonlySet<string> = new Set(['config.json', 'events.jsonl', 'checkpoints', lockName]);

/** What a process leaves that was killed while it locked the folder or wrote config.json. */
const isHalfBegun = (name: string) => isHalfLock(name) || /^\.config\.json\.[0-9a-f]+\.tmp$/.test(name);

/** A run whose input has to change cannot go on from its checkpoints: only what is finished is worth keeping. */
async function isWorthKeeping(directory: string, cause: unknown): Promise<boolean> {
  if (cause instanceof PinnedInputError) {
    return (await readdir(directory)).some((name) => !ownNames.has(name) && !isHalfBegun(name));
  }
  if ((await readdir(join(directory, 'checkpoints'))).length > 0) return true;
  return hasComputed(join(directory, 'events.jsonl'));
}

/** All of `checkpoints` is the run's own: it was empty when the run began. */
async function removeOwnFiles(directory: string): Promise<void> {
  await rm(join(directory, 'checkpoints'), { recursive: true });
  await rm(join(directory, 'config.json'));
  await rm(join(directory, 'events.jsonl'));
  for (const name of (await readdir(directory)).filter(isHalfBegun)) await rm(join(directory, name));
}

/** The recorder that writes into a run; the caller aborts `signal` to stop. */
export function recorderFor(run: Run, signal: AbortSignal): Recorder {
  return {
    signal,
    record: (event) => run.events.append(event),
    async save(stage, { step, tensors }) {
      await run.events.flush(); // Every event of a saved step must be on the disk.
      await writeSafetensors(checkpointPath(run.directory, stage), tensors, { step: String(step) });
    },
    restore: async (stage) => (run.resumed ? readCheckpoint(checkpointPath(run.directory, stage)) : undefined),
  };
}

async function readCheckpoint(path: string): Promise<Checkpoint | undefined> {
  const opened = await openSafetensors(path).catch((error) => {
    if (error instanceof AntidoteError && isAbsent(error.cause)) return undefined;
    throw error;
  });
  if (!opened) return undefined;
  const { tensors, metadata } = opened;
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

/** Removes the temporary files of killed processes (`writeAtomically`): no other process writes while the lock is ours. */
async function removeUnfinished(directory: string): Promise<void> {
  for (const folder of [directory, join(directory, 'checkpoints')]) {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const isUnfinished = entry.isFile() && isUnfinishedName(entry.name);
      if (isUnfinished || isHalfLock(entry.name)) await rm(join(folder, entry.name), { force: true });
    }
  }
}

async function writeConfig(directory: string, config: RunConfig): Promise<void> {
  await writeJson(join(directory, 'config.json'), config);
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((error) => {
    if (systemCode(error) === 'EEXIST') throw badUsage(path, 'a file', 'a new or empty folder');
    throw fileProblem(path, error);
  });
}

/** A process killed before it wrote config.json leaves a lock, half a file, an empty folder: these count as empty. */
async function checkEmpty(directory: string): Promise<void> {
  const names = await explainingFile(directory, () => readdir(directory));
  const noCheckpoints = await isEmptyFolder(join(directory, 'checkpoints'));
  const kept = names.filter(
    (name) => name !== lockName && !isHalfBegun(name) && !(name === 'checkpoints' && noCheckpoints),
  );
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

async function isEmptyFolder(path: string): Promise<boolean> {
  const names = await readdir(path).catch(() => undefined);
  return names?.length === 0;
}
