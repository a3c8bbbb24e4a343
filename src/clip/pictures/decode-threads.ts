/** @file Threads that read picture files and bring them to a model's size, so that resizing keeps nobody waiting. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { internal } from '../../engine/engine-error.ts';
import { AntidoteError, type ErrorDetails } from '../../errors.ts';
import type { PreprocessConfig } from './preprocess.ts';

/** Threads for the files of one set, for as long as it is read. */
export interface Decoders {
  /**
   * The picture at the model's size, [3, S, S].
   * @throws what `decodeImage` throws
   */
  decode(path: string, config: PreprocessConfig): Promise<Uint8Array>;
  /** Drops what has not begun, waits for what has, and ends the threads. */
  close(): Promise<void>;
}

/** What is sent to a thread; `null` ends it when its work is done. */
export type DecodeRequest = { readonly id: number; readonly path: string; readonly config: PreprocessConfig } | null;

export interface DecodeReply {
  readonly id: number;
  readonly picture?: Uint8Array<ArrayBuffer>;
  readonly refused?: Omit<ErrorDetails, 'cause'>;
  /** An error that nobody foresaw, in its own words. */
  readonly failed?: string;
}

/**
 * Files that a thread has at a time: libvips decodes one of them on a thread of its own while the other is resized, which
 * takes twice as long (500 x 375 JPEG to 224: 3 ms and 6 ms of processor time).
 */
const atOnce = 2;

/** Beyond this many the disk, or the thread that takes the pictures, is what a graphics card waits for. */
const mostThreads = 8;

/** One core is left to the thread that takes the pictures and to the engine. */
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
  /** How many files it has. */
  load(): number;
  give(job: Job): void;
  /** Lets it finish what it has, and waits for its end. */
  end(): Promise<void>;
}

/** Starts no thread before the first file. A file that cannot be read fails alone; the death of a thread fails all. */
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
      fail(internal('pictures', 'a file that is asked for after close', 'open threads'));
      await Promise.all(threads.map((thread) => thread.end()));
    },
  };
}

/** `free` is called whenever a file is done, `died` when the thread ends unasked. */
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
  worker.on('message', ({ id, picture, refused, failed }: DecodeReply) => {
    const job = jobs.get(id)!;
    jobs.delete(id);
    if (jobs.size === 0 && !ending) worker.unref();
    if (picture) job.resolve(picture);
    else if (refused) job.reject(new AntidoteError(refused));
    else job.reject(new Error(`${job.path}: ${failed}`));
    free();
  });
  const exit = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      const [first] = jobs.values();
      const error = internal(
        first?.path ?? 'pictures',
        `that the thread reading it has ended${saying(cause)}`,
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

/** Node starts JavaScript: in the sources, where this file is TypeScript, a thread first needs the loader for it. */
function startWorker(): Worker {
  const program = new URL('./decode-thread.mjs', import.meta.url);
  if (!import.meta.url.endsWith('.ts')) return new Worker(program, { execArgv: [] });
  const loader = import.meta.resolve('tsx/esm/api');
  const source = new URL('./decode-thread.ts', import.meta.url);
  const start = `import('${loader}').then(({ register }) => (register(), import('${source}')))`;
  return new Worker(start, { eval: true, execArgv: [] });
}

function saying(cause: unknown): string {
  return cause instanceof Error ? ` (${cause.message})` : '';
}
