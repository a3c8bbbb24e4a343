/** @file A process that computes cells for the bench that has started it, one at a time, until it is told to end. */
import { AntidoteError } from '../../errors.ts';
import type { Recorder, RunEvent } from '../../runs/recorder.ts';
import { type Cell, failure } from '../cell.ts';
import type { RunCell } from '../run-cell.ts';
import { type Answer, order } from './messages.ts';
import { DeadEngine, OtherMaterials, WorkerFailure } from './worker-failures.ts';

/** A process that can run cells, with its engine open. */
export interface CellServer {
  readonly runCell: RunCell;
  close(): Promise<void>;
}

/** The least time between two events of one stage: more would not be visible. Milliseconds. */
const progressEvery = 200;

/** A recorder without checkpoints: a cell is computed in one go, and what cells share is in the feature cache. */
export function progressRecorder(send: (event: RunEvent) => void, signal: AbortSignal): Recorder {
  let sent: { readonly stage: string; readonly at: number } | undefined;
  return {
    record(event) {
      const now = performance.now();
      if (event.stage === sent?.stage && now - sent.at < progressEvery) return;
      sent = { stage: event.stage, at: now };
      send(event);
    },
    save: async () => {},
    restore: async () => undefined,
    signal,
  };
}

/**
 * Serves the parent of this process over the channel that `fork` has opened. Resolves when the parent says so or is
 * gone; without a parent the cell in work stops at its next step. A full disk ends the whole bench, for it would stop
 * every other process as well.
 *
 * @param open opens what computing needs; its error, too, ends the whole bench
 * @throws DeadEngine: the parent sees this process die, and another process tries the cell
 */
export async function serveParent(open: () => Promise<CellServer>): Promise<void> {
  const stop = new AbortController();
  const send = (answer: Answer) => {
    // The callback keeps a channel that breaks just now from throwing; `disconnect` reports that the bench is gone.
    if (process.connected) process.send!(answer, undefined, undefined, () => {});
  };
  // Ctrl-C in a terminal reaches every process of the bench: the parent decides what it means.
  const ignore = () => {};
  process.on('SIGINT', ignore);
  let working: Promise<void> = Promise.resolve();
  let end: () => void = ignore;
  let fail: (error: DeadEngine) => void = ignore;
  const ended = new Promise<void>((resolve, reject) => {
    [end, fail] = [resolve, reject];
  });
  process.on('disconnect', () => {
    stop.abort(new Error('the bench is gone'));
    end();
  });

  const server = await open().catch((thrown) => {
    send(unusable(thrown));
  });
  if (!server) return leave();

  async function compute(cell: Cell): Promise<void> {
    const recorder = progressRecorder((event) => send({ kind: 'progress', event }), stop.signal);
    try {
      send({ kind: 'finished', outcome: await server!.runCell(cell, recorder) });
    } catch (thrown) {
      if (stop.signal.aborted) send({ kind: 'stopped' });
      else if (thrown instanceof DeadEngine) fail(thrown);
      else send(answerTo(thrown));
    }
  }

  process.on('message', (message) => {
    const received = order.parse(message);
    if (received.kind === 'compute') working = compute(received.cell);
    else if (received.kind === 'stop') stop.abort(new Error('stopped'));
    else end();
  });
  send({ kind: 'ready' });
  try {
    await ended;
    await working;
  } finally {
    await server.close();
    leave();
  }

  function leave(): void {
    process.off('SIGINT', ignore);
    if (process.connected) process.disconnect();
  }
}

/** Missing materials fail the cell: all processes of a bench share its machine, so none has them. */
function answerTo(thrown: unknown): Answer {
  const isUnusable = thrown instanceof WorkerFailure && !(thrown instanceof OtherMaterials);
  return isUnusable ? unusable(thrown) : { kind: 'finished', outcome: failure(thrown) };
}

function unusable(thrown: unknown): Answer {
  if (thrown instanceof AntidoteError) {
    const { fault, where, found, expected, advice } = thrown;
    return { kind: 'unusable', fault, where, found, expected, ...(advice && { advice }) };
  }
  return {
    kind: 'unusable',
    fault: 'internal',
    where: 'a process of the bench',
    found: String(thrown instanceof Error ? thrown.stack : thrown),
    expected: 'one that can compute',
  };
}
