/** @file Runs cells through a queue on Redis or Valkey: the bench adds them, workers anywhere take them. */
import { type Job, Queue, QueueEvents } from 'bullmq';
import { Redis } from 'ioredis';
import { badUsage } from '../../errors.ts';
import type { RunEvent } from '../../runs/recorder.ts';
import { answerIfAny, answerUnlessStopped, unlessStopped } from '../../runs/unless-stopped.ts';
import { type Cell, failed, measured, type Outcome } from '../cell.ts';
import { type CellNews, type CellRunners, lostForGood } from './cell-runners.ts';

/** The queue's server and name. */
export interface QueuePlace {
  /** `redis://host:6379/0`, or `rediss://` with TLS. */
  readonly url: string;
  readonly password?: string | undefined;
  /** Prefix of the queue's keys: workers of another version have another queue, and never see these cells. */
  readonly name: string;
}

/** How long finished cells stay in the queue, for a bench that resumes. Seconds. */
const keptFor = 7 * 24 * 3600;
/**
 * How often the states of the cells are checked, in case a message was missed while the server was away, or a cell has
 * vanished: with a server that was restarted, or with another bench that was stopped. Milliseconds.
 */
const usualCheckEvery = 15_000;
/** A server that accepts the connection and does not answer within this time counts as absent. Milliseconds. */
const connectTimeout = 5_000;

/** Every version of the code has a queue of its own. */
export function queueName(code: string): string {
  return `antidote-${code.slice(0, 16)}`;
}

/**
 * A connection that has answered. From then on it reconnects without end: a queue outlives its server's restart. After
 * the abort neither it nor its duplicates reconnect: every command waits for its answer, so an absent server would hold
 * up the end.
 *
 * @throws AntidoteError (usage) where no server answers, or one that wants another password; the signal's reason
 */
export async function connect({ url, password }: QueuePlace, signal: AbortSignal): Promise<Redis> {
  let answered = false;
  const redis = new Redis(url, {
    ...(password !== undefined && { password }),
    lazyConnect: true,
    connectTimeout,
    maxRetriesPerRequest: null, // BullMQ waits for the server instead of failing.
    retryStrategy: (times) => (answered && !signal.aborted ? Math.min(times * 200, 5_000) : null),
  });
  let cause: unknown;
  redis.on('error', (error) => {
    cause = error;
  });
  try {
    const greeting = redis.connect().then(() => redis.ping());
    await answerUnlessStopped(unlessStopped(greeting, AbortSignal.timeout(connectTimeout)), signal);
    answered = true;
    return redis;
  } catch (error) {
    redis.disconnect();
    if (signal.aborted && error === signal.reason) throw error;
    const isSilent = error instanceof DOMException && error.name === 'TimeoutError';
    const reason = (!isSilent && ((cause ?? error) as Error).message) || 'it does not answer';
    if (/NOAUTH|WRONGPASS/.test(reason)) {
      const found = `a server at ${url} that requires its password (${reason})`;
      throw badUsage('--redis', found, 'its password', 'put it into the environment variable ANTIDOTE_REDIS_PASSWORD');
    }
    throw badUsage('--redis', `no server at ${url} (${reason})`, 'a running Redis or Valkey server');
  }
}

/** @param onWorkerCount called at every check with the number of workers that listen */
export function queueRunners(
  place: QueuePlace,
  onWorkerCount: (workers: number) => void,
  checkEvery = usualCheckEvery,
): CellRunners {
  return {
    async run(cells, tell, signal) {
      const over = new AbortController();
      const redis = await connect(place, AbortSignal.any([signal, over.signal]));
      const queue = new Queue(place.name, { connection: redis });
      // A connection of its own: while one waits for messages, it takes no other command.
      const listening = redis.duplicate();
      const events = new QueueEvents(place.name, { connection: listening });
      // Lost connections come back by themselves; the checks find what was missed.
      queue.on('error', () => {});
      events.on('error', () => {});
      const open = new Map(cells.map((cell) => [cell.key, cell]));
      try {
        await answerUnlessStopped(events.waitUntilReady(), signal);
        await waitForOutcomes({ queue, events, open, tell }, { onWorkerCount, checkEvery }, signal);
      } finally {
        over.abort();
        const left = [...open.keys()];
        open.clear(); // So that a check that is still under way adds nothing again.
        await removeWaiting(queue, left, over.signal).catch(() => {});
        await answerIfAny(Promise.all([events.close(), queue.close()]), over.signal);
        listening.disconnect();
        redis.disconnect();
      }
    },
  };
}

/** The cells of one bench in the queue. */
interface QueuedCells {
  readonly queue: Queue;
  readonly events: QueueEvents;
  /** Cells without an outcome, by key. */
  readonly open: Map<string, Cell>;
  readonly tell: (news: CellNews) => void;
}

interface Checks {
  readonly onWorkerCount: (workers: number) => void;
  /** Milliseconds. */
  readonly checkEvery: number;
}

/** Adds the cells; resolves when all have an outcome. */
async function waitForOutcomes(
  cells: QueuedCells,
  { onWorkerCount, checkEvery }: Checks,
  signal: AbortSignal,
): Promise<void> {
  const { queue, open, tell } = cells;
  let done: () => void = () => {};
  const allDone = new Promise<void>((resolve) => {
    done = resolve;
  });
  const finish = (key: string, outcome: Outcome) => {
    if (!open.delete(key)) return;
    tell({ kind: 'finished', key, outcome });
    if (open.size === 0) done();
  };
  const check = oneAtATime(() => checkCells(queue, open, finish));

  forwardEvents(cells, finish);
  await answerUnlessStopped(addCells(queue, open), signal);
  await answerUnlessStopped(check(), signal);
  const timer = setInterval(async () => {
    await check();
    await queue.getWorkersCount().then(onWorkerCount, () => {}); // Not every server lists its clients.
  }, checkEvery);
  try {
    if (open.size > 0) await unlessStopped(allDone, signal);
  } finally {
    clearInterval(timer);
  }
}

/** Forwards the queue's events about open cells. */
function forwardEvents({ events, open, tell }: QueuedCells, finish: (key: string, outcome: Outcome) => void): void {
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

/** Joins the check under way, if there is one: while Redis is away, a check lasts as long. */
function oneAtATime(check: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= check()
      .catch(() => {}) // The next check may succeed.
      .finally(() => {
        running = undefined;
      });
    return running;
  };
}

/**
 * A cell that another bench has added is the same cell. One that failed is tried again.
 *
 * @param open cleared once the bench has stopped: nothing more is added then
 */
async function addCells(queue: Queue, open: ReadonlyMap<string, Cell>): Promise<void> {
  for (const key of open.keys()) {
    const job = await queue.getJob(key);
    if (job && (await job.isFailed())) await job.remove();
  }
  // Only transactions are not sent again on the next connection; the first check adds what is missing.
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
 * Removes the cells that no worker has started. Workers finish the cells they are computing, and a resumed bench finds
 * these outcomes.
 *
 * @throws the signal's reason where the server stops answering; it may take its time for each cell
 */
async function removeWaiting(queue: Queue, keys: readonly string[], signal: AbortSignal): Promise<void> {
  for (const key of keys) {
    const job = await answerUnlessStopped(queue.getJob(key), signal);
    if (!job) continue;
    const isStarted = async () => !((await job.isWaiting()) || (await job.isDelayed()));
    if (await answerUnlessStopped(isStarted(), signal)) continue;
    await answerIfAny(job.remove(), signal); // Refused where a worker has just started it.
  }
}

/** Reports cells that are finished, and adds again those that have vanished. */
async function checkCells(
  queue: Queue,
  open: ReadonlyMap<string, Cell>,
  finish: (key: string, outcome: Outcome) => void,
): Promise<void> {
  const vanished: Cell[] = [];
  for (const cell of [...open.values()]) {
    const job = await queue.getJob(cell.key);
    const outcome = job && outcomeOfJob(job);
    if (!job) vanished.push(cell);
    else if (outcome) finish(cell.key, outcome);
  }
  await add(
    queue,
    vanished.filter(({ key }) => open.has(key)),
  );
}

/** The outcome of a cell, from one reading of its job: a later question for its state could get another answer. */
function outcomeOfJob({ finishedOn, failedReason, returnvalue }: Job): Outcome | undefined {
  if (!finishedOn) return undefined;
  return failedReason ? failureOf(failedReason) : outcomeOf(returnvalue);
}

/** Checks what a worker sent like a file: another program may write to the same server. */
function outcomeOf(value: unknown): Outcome {
  const parsed = measured.safeParse(typeof value === 'string' ? parsedJson(value) : value);
  if (parsed.success) return parsed.data;
  return { kind: 'failed', error: 'the worker sent something that is no outcome of a cell', fault: 'internal' };
}

function failureOf(reason: string): Outcome {
  const parsed = failed.safeParse(parsedJson(reason));
  if (parsed.success) return parsed.data;
  // BullMQ's own message for a cell whose workers have died.
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
