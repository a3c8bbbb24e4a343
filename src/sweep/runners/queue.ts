/** @file Cells through a queue on Redis or Valkey: the bench puts them in, workers anywhere take them out. */
import { type Job, Queue, QueueEvents } from 'bullmq';
import { Redis } from 'ioredis';
import { badUsage } from '../../errors.ts';
import type { RunEvent } from '../../runs/recorder.ts';
import { unlessStopped } from '../../runs/unless-stopped.ts';
import { type Cell, failed, measured, type Outcome } from '../cell.ts';
import { answered, untilLeft } from './answered.ts';
import { type CellNews, type Crew, lostForGood } from './crew.ts';

/** Where the queue lies. */
export interface QueuePlace {
  /** `redis://host:6379/0`, or `rediss://` with TLS. */
  readonly url: string;
  readonly password?: string | undefined;
  /** The name of this queue's keys: workers of another version have another queue, and never see these cells. */
  readonly name: string;
}

/** How long finished cells stay in the queue, where a bench that was away fetches them. In seconds. */
const keptFor = 7 * 24 * 3600;
/**
 * How often the queue is asked how its cells stand, in case a message was missed while the server was away, or a cell
 * has vanished: with a server that was restarted, or with another bench that was stopped. Milliseconds.
 */
const usuallyLook = 15_000;
/** A server that has not said a word within this is not there, whoever took the connection. Milliseconds. */
const patience = 5_000;

/** Every version of the code has a queue of its own. */
export function queueName(code: string): string {
  return `antidote-${code.slice(0, 16)}`;
}

/**
 * A connection that has answered. It then comes back by itself for as long as it takes: a queue outlives its server's
 * restart. Once `leaving` has aborted it does not, nor do its duplicates: whoever leaves would else wait for a server
 * that is away, as every question waits for its answer.
 *
 * @throws AntidoteError (usage) where no server answers, or one that wants another password; the reason of `leaving`
 */
export async function connect({ url, password }: QueuePlace, leaving: AbortSignal): Promise<Redis> {
  let met = false;
  const redis = new Redis(url, {
    ...(password !== undefined && { password }),
    lazyConnect: true,
    connectTimeout: patience,
    maxRetriesPerRequest: null, // BullMQ waits for the server instead of failing.
    retryStrategy: (times) => (met && !leaving.aborted ? Math.min(times * 200, 5_000) : null),
  });
  let cause: unknown;
  redis.on('error', (error) => {
    cause = error;
  });
  try {
    const greeting = redis.connect().then(() => redis.ping());
    await untilLeft(unlessStopped(greeting, AbortSignal.timeout(patience)), leaving);
    met = true;
    return redis;
  } catch (error) {
    redis.disconnect();
    if (leaving.aborted && error === leaving.reason) throw error;
    const silent = error instanceof DOMException && error.name === 'TimeoutError';
    const reason = (!silent && ((cause ?? error) as Error).message) || 'it does not answer';
    if (/NOAUTH|WRONGPASS/.test(reason)) {
      const found = `a server at ${url} that lets nobody in without its password (${reason})`;
      throw badUsage('--redis', found, 'its password', 'put it into the environment variable ANTIDOTE_REDIS_PASSWORD');
    }
    throw badUsage('--redis', `no server at ${url} (${reason})`, 'a running Redis or Valkey server');
  }
}

/** @param silent told when no worker listens, and again when one does */
export function queueCrew(place: QueuePlace, silent: (workers: number) => void, lookEvery = usuallyLook): Crew {
  return {
    async work(cells, tell, signal) {
      const over = new AbortController();
      const redis = await connect(place, AbortSignal.any([signal, over.signal]));
      const queue = new Queue(place.name, { connection: redis });
      // Its own connection: it waits for messages, and nothing else could be asked meanwhile.
      const listening = redis.duplicate();
      const events = new QueueEvents(place.name, { connection: listening });
      // Lost connections are taken up again; what was missed is found by looking.
      queue.on('error', () => {});
      events.on('error', () => {});
      const open = new Map(cells.map((cell) => [cell.key, cell]));
      try {
        await untilLeft(events.waitUntilReady(), signal);
        await workThroughQueue(queue, events, open, tell, silent, lookEvery, signal);
      } finally {
        over.abort();
        const left = [...open.keys()];
        open.clear(); // A look that is still under way puts nothing in again.
        await takeOut(queue, left, over.signal).catch(() => {});
        await answered(Promise.all([events.close(), queue.close()]), over.signal);
        listening.disconnect();
        redis.disconnect();
      }
    },
  };
}

/** Resolves when no cell is open any more. */
async function workThroughQueue(
  queue: Queue,
  events: QueueEvents,
  open: Map<string, Cell>,
  tell: (news: CellNews) => void,
  silent: (workers: number) => void,
  lookEvery: number,
  signal: AbortSignal,
): Promise<void> {
  let done: () => void = () => {};
  const allDone = new Promise<void>((resolve) => {
    done = resolve;
  });
  const finish = (key: string, outcome: Outcome) => {
    if (!open.delete(key)) return;
    tell({ kind: 'finished', key, outcome });
    if (open.size === 0) done();
  };
  const look = oneAtATime(() => lookAfter(queue, open, finish));

  hear(events, open, tell, finish);
  await untilLeft(putIn(queue, open), signal);
  await untilLeft(look(), signal);
  const timer = setInterval(async () => {
    await look();
    await queue.getWorkersCount().then(silent, () => {}); // Not every server tells who is connected.
  }, lookEvery);
  try {
    if (open.size > 0) await unlessStopped(allDone, signal);
  } finally {
    clearInterval(timer);
  }
}

/** Hands on what the queue says of cells that are open. */
function hear(
  events: QueueEvents,
  open: ReadonlyMap<string, Cell>,
  tell: (news: CellNews) => void,
  finish: (key: string, outcome: Outcome) => void,
): void {
  events.on('active', ({ jobId }) => {
    if (open.has(jobId)) tell({ kind: 'started', key: jobId });
  });
  events.on('progress', ({ jobId, data }) => {
    if (open.has(jobId)) tell({ kind: 'progress', key: jobId, event: data as unknown as RunEvent });
  });
  events.on('stalled', ({ jobId }) => {
    if (open.has(jobId)) tell({ kind: 'lost', key: jobId, why: 'its worker is gone' });
  });
  events.on('waiting', ({ jobId, prev }) => {
    if (prev === 'active' && open.has(jobId)) tell({ kind: 'returned', key: jobId });
  });
  events.on('completed', ({ jobId, returnvalue }) => finish(jobId, outcomeOf(returnvalue)));
  events.on('failed', ({ jobId, failedReason }) => finish(jobId, failureOf(failedReason)));
}

/** A look that waits for the one under way, if there is one: while Redis is away, a look takes as long as that. */
function oneAtATime(look: () => Promise<void>): () => Promise<void> {
  let looking: Promise<void> | undefined;
  return () => {
    looking ??= look()
      .catch(() => {}) // The next one may find it.
      .finally(() => {
        looking = undefined;
      });
    return looking;
  };
}

/**
 * A cell that another bench has put in is the same cell. One that failed is tried again.
 *
 * @param open cleared once the bench has stopped: then nothing more is looked at or put in
 */
async function putIn(queue: Queue, open: ReadonlyMap<string, Cell>): Promise<void> {
  for (const key of open.keys()) {
    const job = await queue.getJob(key);
    if (job && (await job.isFailed())) await job.remove();
  }
  // Of all that is asked for, transactions alone are not sent again on the next connection; the first look puts in what is gone.
  await add(queue, [...open.values()]).catch((error) => {
    if (!/connection (is )?close/i.test(String(error))) throw error;
  });
}

async function add(queue: Queue, cells: readonly Cell[]): Promise<void> {
  const kept = { age: keptFor };
  const jobs = cells.map((cell) => {
    return { name: 'cell', data: cell, opts: { jobId: cell.key, removeOnComplete: kept, removeOnFail: kept } };
  });
  if (jobs.length > 0) await queue.addBulk(jobs);
}

/**
 * Takes out cells that nobody has begun. Those that workers are computing right now come to their end there, and are found
 * when the bench goes on.
 *
 * @throws the reason of `leaving` where the server falls silent; however many cells there are, it may answer for each
 */
async function takeOut(queue: Queue, keys: readonly string[], leaving: AbortSignal): Promise<void> {
  for (const key of keys) {
    const job = await untilLeft(queue.getJob(key), leaving);
    if (!job) continue;
    const begun = async () => !((await job.isWaiting()) || (await job.isDelayed()));
    if (await untilLeft(begun(), leaving)) continue;
    await answered(job.remove(), leaving); // It may have been begun just now.
  }
}

/** Finds cells that were finished, and puts in again those that are gone. */
async function lookAfter(
  queue: Queue,
  open: ReadonlyMap<string, Cell>,
  finish: (key: string, outcome: Outcome) => void,
): Promise<void> {
  const gone: Cell[] = [];
  for (const cell of [...open.values()]) {
    const job = await queue.getJob(cell.key);
    const end = job && endOf(job);
    if (!job) gone.push(cell);
    else if (end) finish(cell.key, end);
  }
  await add(
    queue,
    gone.filter(({ key }) => open.has(key)),
  );
}

/** What a cell has come to, from one reading of it: asked for its state afterwards, it may have ended in between. */
function endOf({ finishedOn, failedReason, returnvalue }: Job): Outcome | undefined {
  if (!finishedOn) return undefined;
  return failedReason ? failureOf(failedReason) : outcomeOf(returnvalue);
}

/** What a worker sends is checked like a file: another program may write to the same server. */
function outcomeOf(value: unknown): Outcome {
  const parsed = measured.safeParse(typeof value === 'string' ? parsedJson(value) : value);
  if (parsed.success) return parsed.data;
  return { kind: 'failed', error: 'the worker sent something that is no outcome of a cell', fault: 'internal' };
}

function failureOf(reason: string): Outcome {
  const parsed = failed.safeParse(parsedJson(reason));
  if (parsed.success) return parsed.data;
  // BullMQ's own words for a cell whose workers have died.
  return /stalled/.test(reason)
    ? lostForGood('its worker is gone')
    : { kind: 'failed', error: reason, fault: 'internal' };
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
