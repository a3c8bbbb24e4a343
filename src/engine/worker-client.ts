/** @file The engine's side of its worker: requests become promises, and the worker keeps nobody waiting. */
import { Worker } from 'node:worker_threads';
import { engineError, internal } from './engine-error.ts';
import type { Message, Reply, Request, SentTensors } from './messages.ts';
import { BUSY, STOP } from './worker-signals.mjs';

export interface WorkerClient {
  /** Sends a request; requests are answered in their order. `transfer` are buffers that the worker may have. */
  request(request: Request, transfer?: readonly ArrayBuffer[]): Promise<SentTensors>;
  /** Lets the requests made so far finish, then ends the worker. */
  close(): Promise<void>;
}

interface Waiting {
  resolve(tensors: SentTensors): void;
  reject(error: Error): void;
}

/**
 * From version 1.29 on, ONNX Runtime writes an identifier of the machine into the user's cache and reports what it runs
 * to its makers, unless it is told not to before it loads. Native code sees the environment of the process and not the
 * worker's own copy, so it is set here. A value that is there already stays.
 */
function refuseTelemetry(): void {
  process.env.ORT_DISABLE_TELEMETRY ??= '1';
}

/** Starts the thread. It keeps the process alive only while an answer is awaited. */
export function startWorker(): WorkerClient {
  refuseTelemetry();
  const signals = new Int32Array(new SharedArrayBuffer(8));
  // None of the process's own flags: the worker needs no loader, and some (--input-type) would keep it from starting.
  const worker = new Worker(new URL('./ort-worker.mjs', import.meta.url), { workerData: signals, execArgv: [] });
  const waiting = new Map<number, Waiting>();
  let requests = 0;
  let state: 'open' | 'closing' | 'ended' = 'open';
  let cause: unknown;

  // A process that exits while ONNX Runtime computes is aborted, and its exit code lost: let it finish first. No other
  // request begins then, so this takes no longer than the run in progress.
  const finishBeforeExit = () => {
    Atomics.store(signals, STOP, 1);
    while (Atomics.load(signals, BUSY) === 1) Atomics.wait(signals, BUSY, 1);
  };
  process.on('exit', finishBeforeExit);

  worker.unref();
  worker.on('error', (error) => {
    cause = error;
  });
  worker.on('message', ({ id, tensors, error }: Reply) => {
    const { resolve, reject } = waiting.get(id)!;
    waiting.delete(id);
    if (waiting.size === 0 && state === 'open') worker.unref();
    if (error === undefined) resolve(tensors ?? {});
    else reject(engineError(error));
  });
  const end = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      process.off('exit', finishBeforeExit);
      state = 'ended';
      for (const { reject } of waiting.values()) reject(workerEnded(cause));
      waiting.clear();
      resolve();
    });
  });

  const send = (message: Message, transfer: readonly ArrayBuffer[] = []) => worker.postMessage(message, transfer);

  return {
    request(request, transfer) {
      if (state === 'closing' || (state === 'ended' && !cause)) {
        return Promise.reject(internal('engine', `a call of ${request.kind} after close`, 'an open engine'));
      }
      if (state === 'ended') return Promise.reject(workerEnded(cause));
      const id = requests++;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        worker.ref();
        send({ ...request, id }, transfer);
      });
    },
    close() {
      if (state === 'open') {
        state = 'closing';
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
