/** @file The engine's side of its worker: requests become promises, and the worker keeps nobody waiting. */
import { Worker } from 'node:worker_threads';
import { engineError } from './engine-error.ts';
import type { Message, Reply, Request, SentTensors } from './messages.ts';

export interface WorkerClient {
  /** Sends a request; all requests are answered in their order. `transfer` are buffers that the worker may have. */
  request(request: Request, transfer?: readonly ArrayBuffer[]): Promise<SentTensors>;
  /** Lets the requests made so far finish, then ends the worker. */
  close(): Promise<void>;
}

interface Waiting {
  resolve(tensors: SentTensors): void;
  reject(error: Error): void;
}

/** Starts the thread. It keeps the process alive only while an answer is awaited. */
export function startWorker(): WorkerClient {
  const worker = new Worker(new URL('./ort-worker.mjs', import.meta.url));
  const waiting = new Map<number, Waiting>();
  let requests = 0;
  let cause: unknown;
  let closing = false;
  let ended = false;
  const end = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      ended = true;
      for (const { reject } of waiting.values()) reject(workerEnded(cause));
      waiting.clear();
      resolve();
    });
  });
  worker.on('error', (error) => {
    cause = error;
  });
  worker.on('message', ({ id, tensors, error }: Reply) => {
    const { resolve, reject } = waiting.get(id)!;
    waiting.delete(id);
    if (waiting.size === 0 && !closing) worker.unref();
    if (error === undefined) resolve(tensors ?? {});
    else reject(engineError(error));
  });
  worker.unref();

  const send = (message: Message, transfer: readonly ArrayBuffer[] = []) => worker.postMessage(message, transfer);

  return {
    request(request, transfer) {
      if (ended) return Promise.reject(workerEnded(cause));
      const id = requests++;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        worker.ref();
        send({ ...request, id }, transfer);
      });
    },
    close() {
      if (!closing && !ended) {
        closing = true;
        worker.ref();
        send({ kind: 'close' });
      }
      return end;
    },
  };
}

function workerEnded(cause: unknown): Error {
  const reason = cause instanceof Error ? `: ${cause.message}` : '';
  return engineError(`its worker thread has ended${reason}`, cause);
}
