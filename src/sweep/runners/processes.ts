/** @file A crew of processes on this machine: started, fed, replaced when they die, ended. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { AntidoteError } from '../../errors.ts';
import type { RunEvent } from '../../runs/recorder.ts';
import type { Cell } from '../cell.ts';
import { groupOf, scheduleOf } from '../schedule.ts';
import { type CellNews, type Crew, lostForGood, mostTries } from './crew.ts';
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

/** As many characters of what a process has written before it died as help to see why. */
const lastWords = 2000;

export function processCrew(options: ProcessOptions): Crew {
  return { work: (cells, tell, signal) => workTogether(options, cells, tell, signal) };
}

async function workTogether(
  options: ProcessOptions,
  cells: readonly Cell[],
  tell: (news: CellNews) => void,
  signal: AbortSignal,
): Promise<void> {
  const schedule = scheduleOf(cells);
  const tries = new Map<string, number>();
  // One process that cannot be started, or cannot go on, ends the others as well.
  const trouble = new AbortController();
  const stop = AbortSignal.any([signal, trouble.signal]);

  async function member(): Promise<void> {
    let helper: Helper | undefined;
    let group: string | undefined;
    try {
      while (!stop.aborted) {
        const cell = schedule.take(group);
        if (!cell) break;
        group = groupOf(cell);
        helper ??= await startHelper(options);
        tell({ kind: 'started', key: cell.key });
        const ending = await helper.compute(cell, (event) => tell({ kind: 'progress', key: cell.key, event }), stop);
        if (ending.kind === 'unusable') throw errorOf(ending);
        if (ending.kind === 'finished') tell({ kind: 'finished', key: cell.key, outcome: ending.outcome });
        if (ending.kind !== 'died') continue;
        helper = undefined;
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
      await helper?.end();
    }
  }

  const count = Math.min(options.workers, cells.length);
  const members = Array.from({ length: count }, () => member().catch((error) => trouble.abort(error)));
  await Promise.all(members);
  stop.throwIfAborted();
}

/** A process that is ready, and computes one cell at a time. */
interface Helper {
  compute(cell: Cell, progress: (event: RunEvent) => void, signal: AbortSignal): Promise<Ending>;
  /** Lets it go; resolves when the process is gone. */
  end(): Promise<void>;
}

/** A process and the channel to it. */
interface Started {
  send(order: Order): void;
  /** Has the process's answers told to this listener, and no longer to the one before. */
  listen(listener: (answer: Answer) => void): void;
  /** How it ended. */
  readonly gone: Promise<string>;
  /** Rejects if it could not even be started. */
  readonly failed: Promise<never>;
}

function startProcess({ program, args, execArgv = process.execArgv }: ProcessOptions): Started {
  const child = fork(program, args, { execArgv: [...execArgv], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let words = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-lastWords);
  });
  // What it has said is heard to the end: its exit may be told before its last message and its last words.
  const gone = Promise.all([once(child, 'close'), once(child, 'disconnect')]).then(() => describeEnd(child, words));
  const failed = once(child, 'error').then(([error]) => {
    throw error;
  });
  failed.catch(() => {}); // Who waits for an answer is told.

  let listener: (answer: Answer) => void = () => {};
  child.on('message', (message) => {
    const told = answer.safeParse(message);
    if (told.success) return listener(told.data);
    // The program was replaced under our feet: what this process would compute is not what was planned.
    words = `it said ${JSON.stringify(message).slice(0, 200)}, which is no answer`;
    child.kill('SIGKILL');
  });
  return {
    gone,
    failed,
    send(order) {
      // Without a callback, a channel that breaks just now would throw; that the process is gone is told by `gone`.
      if (child.connected) child.send(order, () => {});
    },
    listen(next) {
      listener = next;
    },
  };
}

/** Starts a process and waits until it can compute. Throws what keeps it from that. */
async function startHelper(options: ProcessOptions): Promise<Helper> {
  const { send, listen, gone, failed } = startProcess(options);
  const first = await Promise.race([new Promise<Answer>(listen), gone, failed]);
  if (typeof first === 'string') {
    throw new AntidoteError({
      fault: 'internal',
      where: options.program,
      found: first,
      expected: 'a process that computes cells',
    });
  }
  if (first.kind === 'unusable') {
    await gone;
    throw errorOf(first);
  }

  return {
    async compute(cell, progress, signal) {
      const stop = () => send({ kind: 'stop' });
      const answered = new Promise<Ending>((resolve) => {
        listen((told) => {
          if (told.kind === 'progress') progress(told.event);
          else if (told.kind !== 'ready') resolve(told);
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

function describeEnd({ exitCode, signalCode }: ChildProcess, words: string): string {
  const how = signalCode === null ? `with exit code ${exitCode}` : `by ${signalCode}`;
  // Where in the code it was says nothing to those who read a table.
  const lines = words.split('\n').filter((line) => !/^(\s+at .*|\s*|Node\.js v.*)$/.test(line));
  const said = lines.slice(-5).join(' | ');
  return `the process ended ${how}${said === '' ? '' : `, its last words: ${said}`}`;
}
