/** @file A worker of the queue: takes cells until it is told to stop, and renews its lock on each while it computes. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { type Job, Worker } from 'bullmq';
import type { RunEvent } from '../../runs/recorder.ts';
import { answerIfAny } from '../../runs/unless-stopped.ts';
import { type Cell, cell, failure, type Outcome } from '../cell.ts';
import type { RunCell } from '../run-cell.ts';
import { mostTries } from './cell-runners.ts';
import { connect, type QueuePlace } from './queue.ts';
import { progressRecorder } from './serve-cells.ts';
import { DeadEngine, WorkerFailure } from './worker-failures.ts';

/** When a cell of a silent worker goes to another one. Milliseconds. */
export interface QueuePatience {
  /**
   * How long a worker's lock on its cell lasts. It is renewed at half of that, from the main thread, which is free while
   * the engine computes in its own; a minute outlasts the longest work of the main thread.
   */
  readonly lock: number;
  /** How often workers look for cells whose lock has run out. */
  readonly look: number;
}

const queuePatience: QueuePatience = { lock: 60_000, look: 30_000 };

export interface WorkerNews {
  readonly started: (cell: Cell) => void;
  readonly progress: (event: RunEvent) => void;
  readonly finished: (cell: Cell, outcome: Outcome) => void;
}

/** Pause before a command that the server refused, being read-only or full, is sent again. Milliseconds. */
const retryAfter = 1_000;

/**
 * Takes cells one at a time until `signal` aborts; the cell in work then stops at its next step and goes back into the
 * queue.
 *
 * @throws WorkerFailure when this worker cannot compute: its cell is left to another worker
 */
export async function serveQueue(
  place: QueuePlace,
  runCell: RunCell,
  news: WorkerNews,
  signal: AbortSignal,
  patience = queuePatience,
): Promise<void> {
  const redis = await connect(place, signal);
  // Without a processor BullMQ takes no cells by itself: its own loop, asked to stop, waits without end for a connection
  // that is already lost to close.
  const worker = new Worker(place.name, null, {
    connection: redis,
    lockDuration: patience.lock,
    stalledInterval: patience.look,
    maxStalledCount: mostTries - 1,
  });
  worker.on('error', () => {}); // Connections come back by themselves.
  const token = randomUUID();
  const close = () => worker.close(true); // Ends the wait for a cell.
  signal.addEventListener('abort', close);
  try {
    await worker.startStalledCheckTimer();
    while (!signal.aborted) {
      const next = worker.getNextJob(token).catch(() => wait(retryAfter, undefined, { signal }));
      const job = await answerIfAny(next, signal);
      if (!job) continue;
      const compute = () => computeJob(job, runCell, news, signal);
      await settleJob({ job, token, lock: patience.lock }, compute, signal);
    }
  } finally {
    signal.removeEventListener('abort', close);
    await close();
    redis.disconnect();
  }
}

/** A cell of the queue, locked under `token` for `lock` milliseconds. */
interface LockedJob {
  readonly job: Job;
  readonly token: string;
  readonly lock: number;
}

/** Renews the lock on a cell while it is computed, and hands in its outcome, or puts the cell back. */
async function settleJob(locked: LockedJob, compute: () => Promise<Outcome>, signal: AbortSignal): Promise<void> {
  const { job, token, lock } = locked;
  // A lost lock shows only at the end: another worker has the cell by then.
  const renewing = setInterval(() => job.extendLock(token, lock).catch(() => {}), lock / 2);
  try {
    // The queue hands out a cell that has cost too many workers once more, to have its failure reported.
    const outcome = job.deferredFailure ?? (await compute());
    await answerIfAny(handInWhenTaken(locked, outcome, signal), signal);
  } catch (thrown) {
    // The cell may have ended the engine: as after the end of a process, it stays locked, and its tries are counted.
    if (!(thrown instanceof DeadEngine)) await answerIfAny(job.moveToWait(token), AbortSignal.abort());
    if (!signal.aborted) throw thrown;
  } finally {
    clearInterval(renewing);
  }
}

/** Errors of a server that takes no writes at present: its disk or memory is full, or it follows another one. */
const temporaryRefusal = /^(MISCONF|OOM|READONLY|NOREPLICAS|LOADING|MASTERDOWN|TRYAGAIN|CLUSTERDOWN)\b/;

/** Repeats for as long as the server refuses writes: a computed outcome is worth the wait. */
async function handInWhenTaken(locked: LockedJob, outcome: Outcome | string, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      return await handIn(locked, outcome);
    } catch (error) {
      if (!temporaryRefusal.test((error as Error).message)) throw error;
      await wait(retryAfter, undefined, { signal });
    }
  }
}

async function handIn({ job, token }: LockedJob, outcome: Outcome | string): Promise<void> {
  if (typeof outcome === 'string') await job.moveToFailed(new Error(outcome), token);
  else if (outcome.kind === 'failed') await job.moveToFailed(new Error(JSON.stringify(outcome)), token);
  else await job.moveToCompleted(outcome, token, false);
}

/** Computes a cell of the queue. Throws the signal's reason, and `WorkerFailure`; any other error is the cell's outcome. */
async function computeJob(job: Job, runCell: RunCell, news: WorkerNews, signal: AbortSignal): Promise<Outcome> {
  signal.throwIfAborted(); // The cell may have come after the abort.
  const taken = cell.parse(job.data);
  news.started(taken);
  const recorder = progressRecorder((event) => {
    news.progress(event);
    job.updateProgress(event).catch(() => {}); // Only for display: Redis may be away.
  }, signal);
  const outcome = await runCell(taken, recorder).catch((thrown) => {
    if (signal.aborted || thrown instanceof WorkerFailure) throw thrown;
    return failure(thrown);
  });
  news.finished(taken, outcome);
  return outcome;
}
