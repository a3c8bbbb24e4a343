/** @file Threads that read picture files and resize them to a model's size, off the calling thread. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { AntidoteError, type ErrorDetails, internalError } from '../../errors.ts';
import type { PreprocessConfig } from './preprocess.ts';

/** Threads for the files of one set, open while it is read. */
export interface Decoders {
  /**
   * The picture at the model's size, [3, S, S].
   * @throws as `decodeImage` does
   */
  decode(path: string, config: PreprocessConfig): Promise<Uint8Array>;
  /** Drops files that have not begun, waits for those that have, and ends the threads. */
  close(): Promise<void>;
}

/** A message to a thread; `null` ends it when its work is done. */
export type DecodeRequest = { readonly id: number; readonly path: string; readonly config: PreprocessConfig } | null;

export interface DecodeReply {
  readonly id: number;
  readonly picture?: Uint8Array<ArrayBuffer>;
  readonly refused?: Omit<ErrorDetails, 'cause'>;
  /** What the operating system said, where that is why. */
  readonly system?: Pick<NodeJS.ErrnoException, 'code' | 'syscall'>;
  /** Message of an unexpected error. */
  readonly failed?: string;
}

/**
 * Files of a thread at a time: libvips decodes one of them on its own thread while the other is resized, which takes twice
 * as long (500 x 375 JPEG to 224: 3 ms and 6 ms of processor time).
 */
const atOnce = 2;

/** With more threads, the disk or the thread that takes the pictures is the bottleneck of a graphics card. */
const mostThreads = 8;

/** All cores but one, which is left to the thread that takes the pictures and to the engine. */
export function decodingThreads(): number {
  return Math.max(1, Math.min(mostThreads, availableParallelism() - 1));
}

interface Job {
  readonly path: string;
  readonly config: PreprocessConfig;
  resolve(picture: Uint8Array): void;
  reject(error: Error): void;
}

interface Thread {
  /** Number of its files. */
  load(): number;
  give(job: Job): void;
  /** Lets it finish its files, and waits for its end. */
  end(): Promise<void>;
}

/** Starts threads as files arrive. An unreadable file fails by itself; the death of a thread fails all files. */
export function openDecoders(count: number): Decoders {
  const queue: Job[] = [];
  const threads: Thread[] = [];
  let over: Error | undefined;

  function next(): void {
    while (queue.length > 0) {
      const free = threads.find((thread) => thread.load() === 0) ?? threads.find((thread) => thread.load() < atOnce);
      if (free) free.give(queue.shift()!);
      else if (threads.length < count) threads.push(startThread(next, fail));
      else return;
    }
  }

  function fail(error: Error): void {
    over ??= error;
    for (const job of queue.splice(0)) job.reject(over);
  }

  return {
    decode(path, config) {
      if (over) return Promise.reject(over);
      return new Promise((resolve, reject) => {
        queue.push({ path, config, resolve, reject });
        next();
      });
    },
    async close() {
      fail(internalError('pictures', 'a file that is asked for after close', 'open threads'));
      await Promise.all(threads.map((thread) => thread.end()));
    },
  };
}

/** `free` is called whenever a file is done, `died` when the thread ends unexpectedly. */
function startThread(free: () => void, died: (error: Error) => void): Thread {
  const worker = startWorker();
  const jobs = new Map<number, Job>();
  let given = 0;
  let cause: unknown;
  let ending = false;

  worker.unref();
  worker.on('error', (error) => {
    cause = error;
  });
  worker.on('message', ({ id, picture, refused, system, failed }: DecodeReply) => {
    const job = jobs.get(id)!;
    jobs.delete(id);
    if (jobs.size === 0 && !ending) worker.unref();
    if (picture) job.resolve(picture);
    else if (refused) job.reject(new AntidoteError(system ? { ...refused, cause: systemError(system) } : refused));
    else job.reject(new Error(`${job.path}: ${failed}`));
    free();
  });
  const exit = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      const [first] = jobs.values();
      const error = internalError(
        first?.path ?? 'pictures',
        `that the thread reading it has ended${reasonOf(cause)}`,
        'it read',
      );
      for (const job of jobs.values()) job.reject(error);
      jobs.clear();
      if (!ending) died(error);
      ending = true;
      resolve();
    });
  });

  return {
    load: () => (ending ? atOnce : jobs.size),
    give(job) {
      jobs.set(given, job);
      worker.ref();
      worker.postMessage({ id: given++, path: job.path, config: job.config } satisfies DecodeRequest);
    },
    end() {
      if (!ending) {
        ending = true;
        worker.ref();
        worker.postMessage(null satisfies DecodeRequest);
      }
      return exit;
    },
  };
}

/** Node starts only JavaScript: in the sources, where this file is TypeScript, the thread registers a loader first. */
function startWorker(): Worker {
  const program = new URL('./decode-thread.mjs', import.meta.url);
  if (!import.meta.url.endsWith('.ts')) return new Worker(program, { execArgv: [] });
  const loader = import.meta.resolve('tsx/esm/api');
  const source = new URL('./decode-thread.ts', import.meta.url);
  const start = `import('${loader}').then(({ register }) => (register(), import('${source}')))`;
  return new Worker(start, { eval: true, execArgv: [] });
}

function systemError(system: NonNullable<DecodeReply['system']>): Error {
  return Object.assign(new Error(`${system.code}, ${system.syscall}`), system);
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? ` (${cause.message})` : '';
}
