/** @file The engine's side of its worker: requests as promises, and an orderly end of the process. */
import { Worker } from 'node:worker_threads';
import { type AntidoteError, internalError } from '../errors.ts';
import type { Message, Reply, Request, SentTensors } from './messages.ts';
import { BUSY, STOP } from './worker-signals.mjs';

export interface WorkerClient {
  /** Sends a request; replies come in the order of requests. `transfer` lists buffers that move to the worker. */
  request(request: Request, transfer?: readonly ArrayBuffer[]): Promise<SentTensors>;
  /** Waits for pending requests, then ends the worker. */
  close(): Promise<void>;
}

interface Waiting {
  resolve(tensors: SentTensors): void;
  reject(error: Error): void;
}

/**
 * From version 1.29 on, ONNX Runtime writes an identifier of the machine into the user's cache and reports what it runs
 * to its makers, unless this variable is set before it loads. Native code sees the environment of the process, not the
 * worker's copy, so it is set here. An existing value stays.
 */
function refuseTelemetry(): void {
  process.env.ORT_DISABLE_TELEMETRY ??= '1';
}

/** What each live worker does before the process exits. One listener for all: Node takes more than ten for a leak. */
const endings = new Set<() => void>();

function endAll(): void {
  for (const end of endings) end();
}

/** Starts the thread. It keeps the process alive only while a request is pending. */
export function startWorker(): WorkerClient {
  refuseTelemetry();
  const signals = new Int32Array(new SharedArrayBuffer(8));
  // No flags of the process: the worker needs no loader, and some flags (--input-type) would stop it from starting.
  const worker = new Worker(new URL('./ort-worker.mjs', import.meta.url), { workerData: signals, execArgv: [] });
  const waiting = new Map<number, Waiting>();
  let requests = 0;
  let state: 'open' | 'closing' | 'ended' = 'open';
  let cause: unknown;

  // A process that exits while ONNX Runtime computes is aborted and loses its exit code, so exit waits. No other
  // request begins meanwhile, so this takes no longer than the run in progress.
  const finishBeforeExit = () => {
    Atomics.store(signals, STOP, 1);
    while (Atomics.load(signals, BUSY) === 1) Atomics.wait(signals, BUSY, 1);
  };
  if (endings.size === 0) process.on('exit', endAll);
  endings.add(finishBeforeExit);

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
      endings.delete(finishBeforeExit);
      if (endings.size === 0) process.off('exit', endAll);
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
        return Promise.reject(internalError('engine', `a call of ${request.kind} after close`, 'an open engine'));
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

/** An error from ONNX Runtime, in its own words, with advice where the cause is known. */
function engineError(found: string, cause?: unknown): AntidoteError {
  const advice = /alloc|out of memory/i.test(found) ? 'a smaller batch needs less memory' : undefined;
  return internalError('ONNX Runtime', found.trim(), 'the graph to compile and run', { advice, cause });
}

function workerEnded(cause: unknown): Error {
  const reason = cause instanceof Error ? `: ${cause.message}` : '';
  return engineError(`its worker thread has ended${reason}`, cause);
}
