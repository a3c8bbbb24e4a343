/** @file A worker of the queue: takes cells until it is told to stop, and keeps its lock on each while it computes. */
import { type Job, UnrecoverableError, WaitingError, Worker } from 'bullmq';
import type { RunEvent } from '../runs/recorder.ts';
import { type Cell, cell, failure, type Outcome } from './cell.ts';
import { mostTries } from './crew.ts';
import type { Performer } from './perform.ts';
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
  const over = new AbortController();
  const redis = await connect(place, AbortSignal.any([signal, over.signal]));
  let unable: Unable | undefined;
  let working: Promise<unknown> = Promise.resolve();
  let closed: (closing: Promise<void>) => void = () => {};
  const closing = new Promise<void>((resolve) => {
    closed = resolve;
  });

  /** Ends this worker and leaves the cell to others, if what was thrown says nothing about the cell. */
  async function leave(job: Job, token: string | undefined, thrown: unknown): Promise<never> {
    if (!signal.aborted) {
      if (!(thrown instanceof Unable)) throw thrown;
      unable = thrown;
    }
    close(); // Before this call returns, or else the worker would take the cell again.
    // A cell may have ended the engine: as if it had ended the process, it is left locked, and its tries are counted.
    if (!(unable instanceof DeadEngine)) {
      await job.moveToWait(token).catch(() => {}); // Without its lock the cell belongs to another worker already.
    }
    throw new WaitingError();
  }

  const worker = new Worker(
    place.name,
    async (job, token) => {
      const computing = compute(job, perform, news, signal);
      working = computing.catch(() => {});
      const outcome = await computing.catch((thrown) => leave(job, token, thrown));
      // An error of the cell would be the same elsewhere: no second try.
      if (outcome.kind === 'failed') throw new UnrecoverableError(JSON.stringify(outcome));
      return outcome;
    },
    {
      connection: redis,
      lockDuration: patience.lock,
      stalledInterval: patience.look,
      maxStalledCount: mostTries - 1,
    },
  );
  // Connections come back by themselves, and a lock that was lost means that another worker has the cell by now.
  worker.on('error', () => {});
  // Takes no more cells; done when the one in work is. BullMQ waits without end for the end of a connection that is lost
  // already: such a one is left by force.
  const close = () => {
    over.abort();
    closed(worker.close(redis.status !== 'ready'));
  };
  signal.addEventListener('abort', close);
  if (signal.aborted) close();
  try {
    await closing;
    await working;
  } finally {
    signal.removeEventListener('abort', close);
    redis.disconnect();
  }
  if (unable) throw unable;
}

/** Computes a cell of the queue. Throws the wish to stop, and `Unable`; any other error is the cell's outcome. */
async function compute(job: Job, perform: Performer, news: WorkerNews, signal: AbortSignal): Promise<Outcome> {
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
