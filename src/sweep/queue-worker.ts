/** @file A worker of the queue: takes cells until it is told to stop, and keeps its lock on each while it computes. */
import { UnrecoverableError, WaitingError, Worker } from 'bullmq';
import type { RunEvent } from '../runs/recorder.ts';
import { type Cell, cell, failure, OtherMaterials, type Outcome } from './cell.ts';
import { mostTries } from './crew.ts';
import type { Performer } from './perform.ts';
import { connect, type QueuePlace } from './queue.ts';
import { tellingRecorder } from './serve.ts';

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
 * @throws OtherMaterials when this machine does not have what a cell is made of: that cell goes back for another
 * worker, and this one takes no more
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
  let unfit: unknown;
  let working: Promise<unknown> = Promise.resolve();
  let closed: (closing: Promise<void>) => void = () => {};
  const closing = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const worker = new Worker(
    place.name,
    async (job, token) => {
      const taken = cell.parse(job.data);
      news.started(taken);
      const recorder = tellingRecorder((event) => {
        news.progress(event);
        job.updateProgress(event).catch(() => {}); // Only shown: Redis may be away.
      }, signal);
      try {
        const performing = perform(taken, recorder);
        working = performing.catch(() => {});
        const outcome = await performing;
        news.finished(taken, outcome);
        // An error of the cell would be the same elsewhere: no second try.
        if (outcome.kind === 'failed') throw new UnrecoverableError(JSON.stringify(outcome));
        return outcome;
      } catch (thrown) {
        if (thrown instanceof UnrecoverableError) throw thrown;
        if (signal.aborted || thrown instanceof OtherMaterials) {
          unfit = signal.aborted ? undefined : thrown;
          close(); // Before this call returns, or else the worker would take the cell again.
          await job.moveToWait(token).catch(() => {}); // Without its lock the cell belongs to another worker already.
          throw new WaitingError();
        }
        throw new UnrecoverableError(JSON.stringify(failure(thrown)));
      }
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
  if (unfit) throw unfit;
}
