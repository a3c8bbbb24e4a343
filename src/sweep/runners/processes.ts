/** @file Runs cells in processes of this machine: starts them, feeds them, replaces those that die, ends them. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { AntidoteError, internalError } from '../../errors.ts';
import type { RunEvent } from '../../runs/recorder.ts';
import type { Cell } from '../cell.ts';
import { groupOf, scheduleOf } from '../schedule.ts';
import { type CellNews, type CellRunners, lostForGood, mostTries } from './cell-runners.ts';
import { type Answer, answer, type Order } from './messages.ts';

export interface ProcessOptions {
  readonly workers: number;
  /** A program that calls `serveParent`, and its arguments. */
  readonly program: string;
  readonly args: readonly string[];
  /** Flags of Node itself; this process's own if left out. */
  readonly execArgv?: readonly string[];
}

/** How one attempt at a cell ended. */
type Ending = Exclude<Answer, { kind: 'ready' | 'progress' }> | { readonly kind: 'died'; readonly why: string };

/** Characters kept of what a process wrote to standard error, to tell why it died. */
const errorCharacters = 2000;

export function processRunners(options: ProcessOptions): CellRunners {
  return { run: (cells, tell, signal) => runCells(options, cells, tell, signal) };
}

async function runCells(
  options: ProcessOptions,
  cells: readonly Cell[],
  tell: (news: CellNews) => void,
  signal: AbortSignal,
): Promise<void> {
  const schedule = scheduleOf(cells);
  const tries = new Map<string, number>();
  // One process that cannot be started, or cannot go on, ends the others as well.
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);

  async function runOneByOne(): Promise<void> {
    let cellProcess: CellProcess | undefined;
    let group: string | undefined;
    try {
      while (!stop.aborted) {
        const cell = schedule.take(group);
        if (!cell) break;
        group = groupOf(cell);
        cellProcess ??= await startCellProcess(options);
        tell({ kind: 'started', key: cell.key });
        const ending = await cellProcess.compute(
          cell,
          (event) => tell({ kind: 'progress', key: cell.key, event }),
          stop,
        );
        if (ending.kind === 'unusable') throw errorOf(ending);
        if (ending.kind === 'finished') tell({ kind: 'finished', key: cell.key, outcome: ending.outcome });
        if (ending.kind !== 'died') continue;
        cellProcess = undefined;
        if (stop.aborted) continue;
        const tried = (tries.get(cell.key) ?? 0) + 1;
        tries.set(cell.key, tried);
        if (tried < mostTries) {
          tell({ kind: 'lost', key: cell.key, why: ending.why });
          schedule.putBack(cell);
        } else {
          tell({ kind: 'finished', key: cell.key, outcome: lostForGood(ending.why) });
        }
      }
    } finally {
      if (group !== undefined) schedule.leave(group);
      await cellProcess?.end();
    }
  }

  const count = Math.min(options.workers, cells.length);
  await Promise.all(Array.from({ length: count }, () => runOneByOne().catch((error) => failed.abort(error))));
  stop.throwIfAborted();
}

/** A process that is ready, and computes one cell at a time. */
interface CellProcess {
  compute(cell: Cell, progress: (event: RunEvent) => void, signal: AbortSignal): Promise<Ending>;
  /** Resolves when the process is gone. */
  end(): Promise<void>;
}

/** A process and the channel to it. */
interface Channel {
  send(order: Order): void;
  /** Replaces the listener that gets the process's answers. */
  listen(listener: (answer: Answer) => void): void;
  /** How it ended. */
  readonly gone: Promise<string>;
  /** Rejects if it could not be started. */
  readonly failed: Promise<never>;
}

function startProcess({ program, args, execArgv = process.execArgv }: ProcessOptions): Channel {
  const child = fork(program, args, { execArgv: [...execArgv], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let errorText = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    errorText = (errorText + text).slice(-errorCharacters);
  });
  // Its exit may be reported before its last message and its last error text: both are awaited.
  const gone = Promise.all([once(child, 'close'), once(child, 'disconnect')]).then(() => describeEnd(child, errorText));
  const failed = once(child, 'error').then(([error]) => {
    throw error;
  });
  failed.catch(() => {}); // Reported where an answer is awaited.

  let listener: (answer: Answer) => void = () => {};
  child.on('message', (message) => {
    const received = answer.safeParse(message);
    if (received.success) return listener(received.data);
    // The program was replaced while the bench ran: this process would not compute what was planned.
    errorText = `it said ${JSON.stringify(message).slice(0, 200)}, which is no answer`;
    child.kill('SIGKILL');
  });
  return {
    gone,
    failed,
    send(order) {
      // The callback keeps a channel that breaks just now from throwing; `gone` reports that the process is gone.
      if (child.connected) child.send(order, () => {});
    },
    listen(next) {
      listener = next;
    },
  };
}

/** Starts a process and waits until it can compute. Throws what keeps it from that. */
async function startCellProcess(options: ProcessOptions): Promise<CellProcess> {
  const { send, listen, gone, failed } = startProcess(options);
  const first = await Promise.race([new Promise<Answer>(listen), gone, failed]);
  if (typeof first === 'string') {
    throw internalError(options.program, first, 'a process that computes cells');
  }
  if (first.kind === 'unusable') {
    await gone;
    throw errorOf(first);
  }

  return {
    async compute(cell, progress, signal) {
      const stop = () => send({ kind: 'stop' });
      const answered = new Promise<Ending>((resolve) => {
        listen((received) => {
          if (received.kind === 'progress') progress(received.event);
          else if (received.kind !== 'ready') resolve(received);
        });
      });
      signal.addEventListener('abort', stop);
      send({ kind: 'compute', cell });
      if (signal.aborted) stop();
      const ending = await Promise.race([answered, gone]);
      signal.removeEventListener('abort', stop);
      return typeof ending === 'string' ? { kind: 'died', why: ending } : ending;
    },
    async end() {
      send({ kind: 'end' });
      await gone;
    },
  };
}

function errorOf({ kind, ...details }: Extract<Answer, { kind: 'unusable' }>): AntidoteError {
  return new AntidoteError(details);
}

function describeEnd({ exitCode, signalCode }: ChildProcess, errorText: string): string {
  const how = signalCode === null ? `with exit code ${exitCode}` : `by ${signalCode}`;
  // A stack trace says nothing to readers of a table.
  const lines = errorText.split('\n').filter((line) => !/^(\s+at .*|\s*|Node\.js v.*)$/.test(line));
  const said = lines.slice(-5).join(' | ');
  return `the process ended ${how}${said === '' ? '' : `, its last words: ${said}`}`;
}
