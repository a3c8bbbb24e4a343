/** @file A worker of the queue: takes cells until it is told to stop, and keeps its lock on each while it computes. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { type Job, Worker } from 'bullmq';
import type { RunEvent } from '../../runs/recorder.ts';
import { type Cell, cell, failure, type Outcome } from '../cell.ts';
import type { Performer } from '../perform.ts';
import { answered } from './answered.ts';
import { mostTries } from './crew.ts';
import { connect, type QueuePlace } from './queue.ts';
import { tellingRecorder } from './serve.ts';
import { DeadEngine, Unable } from './unable.ts';

/** Milliseconds after which a worker that does not answer is given up. */
export interface QueuePatience {
  /**
   * For so long a cell belongs to a worker that shows no life. The lock is renewed at half of it, from the main thread,
   * which is free while the engine computes in its own; a minute outlasts the longest work that the main thread does.
   */
  readonly lock: number;
  /** How often workers look for cells whose worker has lost its lock. */
  readonly look: number;
}

export const queuePatience: QueuePatience = { lock: 60_000, look: 30_000 };

export interface WorkerNews {
  readonly started: (cell: Cell) => void;
  readonly progress: (event: RunEvent) => void;
  readonly finished: (cell: Cell, outcome: Outcome) => void;
}

/** Milliseconds after which a server that refuses what it is asked for, being read-only or full, is asked again. */
const refused = 1_000;

/**
 * Takes cells one at a time until `signal` aborts; the cell in work then stops at its next step and goes back into the
 * queue.
 *
 * @throws Unable when this worker cannot compute: its cell is left to another worker, and this one takes no more
 */
export async function serveQueue(
  place: QueuePlace,
  perform: Performer,
  news: WorkerNews,
  signal: AbortSignal,
  patience = queuePatience,
): Promise<void> {
  const redis = await connect(place, signal);
  // Without a processor BullMQ takes nothing by itself: its own loop, asked to stop, waits without end for the end of a
  // connection that is lost already.
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
      const next = worker.getNextJob(token).catch(() => wait(refused, undefined, { signal }));
      const job = await answered(next, signal);
      if (job) await serve({ job, token }, perform, news, signal, patience.lock);
    }
  } finally {
    signal.removeEventListener('abort', close);
    await close();
    redis.disconnect();
  }
}

/** A cell of the queue, and the name under which it is locked. */
interface Taken {
  readonly job: Job;
  readonly token: string;
}

/** Keeps the lock on a cell while it is computed, and hands in its outcome; or gives it back. */
async function serve(
  { job, token }: Taken,
  perform: Performer,
  news: WorkerNews,
  signal: AbortSignal,
  lock: number,
): Promise<void> {
  // Whoever has lost a lock finds out at the end: another worker has the cell by then.
  const renewing = setInterval(() => job.extendLock(token, lock).catch(() => {}), lock / 2);
  try {
    // A cell that has cost too many workers is handed out once more, for its failure to be told.
    const outcome = job.deferredFailure ?? (await compute(job, perform, news, signal));
    await answered(handedIn({ job, token }, outcome, signal), signal);
  } catch (thrown) {
    // A cell may have ended the engine: as if it had ended the process, it is left locked, and its tries are counted.
    if (!(thrown instanceof DeadEngine)) await answered(job.moveToWait(token), AbortSignal.abort());
    if (!signal.aborted) throw thrown;
  } finally {
    clearInterval(renewing);
  }
}

/** What a server says that takes nothing just now: its disk or memory is full, or it follows another one. */
const notNow = /^(MISCONF|OOM|READONLY|NOREPLICAS|LOADING|MASTERDOWN|TRYAGAIN|CLUSTERDOWN)\b/;

/** Asks again for as long as the server takes nothing: what was computed is worth waiting for. */
async function handedIn(taken: Taken, outcome: Outcome | string, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      return await handIn(taken, outcome);
    } catch (error) {
      if (!notNow.test((error as Error).message)) throw error;
      await wait(refused, undefined, { signal });
    }
  }
}

async function handIn({ job, token }: Taken, outcome: Outcome | string): Promise<void> {
  if (typeof outcome === 'string') await job.moveToFailed(new Error(outcome), token);
  else if (outcome.kind === 'failed') await job.moveToFailed(new Error(JSON.stringify(outcome)), token);
  else await job.moveToCompleted(outcome, token, false);
}

/** Computes a cell of the queue. Throws the wish to stop, and `Unable`; any other error is the cell's outcome. */
async function compute(job: Job, perform: Performer, news: WorkerNews, signal: AbortSignal): Promise<Outcome> {
  signal.throwIfAborted(); // It came after the wish to leave.
  const taken = cell.parse(job.data);
  news.started(taken);
  const recorder = tellingRecorder((event) => {
    news.progress(event);
    job.updateProgress(event).catch(() => {}); // Only shown: Redis may be away.
  }, signal);
  const outcome = await perform(taken, recorder).catch((thrown) => {
    if (signal.aborted || thrown instanceof Unable) throw thrown;
    return failure(thrown);
  });
  news.finished(taken, outcome);
  return outcome;
}
