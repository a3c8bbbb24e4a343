/** @file A process that computes cells for the bench that has started it, one at a time, until it is told to end. */
import { AntidoteError } from '../../errors.ts';
import type { Recorder, RunEvent } from '../../runs/recorder.ts';
import { type Cell, failure } from '../cell.ts';
import type { Performer } from '../perform.ts';
import { type Answer, order } from './messages.ts';
import { DeadEngine, OtherMaterials, Unable } from './unable.ts';

/** What a serving process holds open. */
export interface Workplace {
  readonly perform: Performer;
  close(): Promise<void>;
}

/** Progress closer together than this is not seen, only sent. */
export const progressEvery = 200;

/** A recorder that keeps no checkpoints: a cell is computed in one go, and what cells share is in the feature cache. */
export function tellingRecorder(tell: (event: RunEvent) => void, signal: AbortSignal): Recorder {
  let last: RunEvent | undefined;
  let told = Number.NEGATIVE_INFINITY;
  return {
    record(event) {
      const now = performance.now();
      if (event.stage === last?.stage && now - told < progressEvery) return;
      [last, told] = [event, now];
      tell(event);
    },
    save: async () => {},
    restore: async () => undefined,
    signal,
  };
}

/**
 * Serves the parent of this process over the channel that `fork` has opened. Resolves when the parent says so or is
 * gone; a parent that is gone wants no more answers, so the cell in work stops at its next step. A full disk ends the
 * whole bench, for no process would fare better.
 *
 * @param open begins whatever computing needs; its error, too, ends the whole bench
 * @throws DeadEngine: the parent sees this process die, and another one tries the cell
 */
export async function serveParent(open: () => Promise<Workplace>): Promise<void> {
  const stop = new AbortController();
  const send = (answer: Answer) => {
    // Without a callback, a channel that breaks just now would throw; that the bench is gone is told by `disconnect`.
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

  const workplace = await open().catch((thrown) => {
    send(unusable(thrown));
  });
  if (!workplace) return leave();

  async function compute(cell: Cell): Promise<void> {
    const recorder = tellingRecorder((event) => send({ kind: 'progress', event }), stop.signal);
    try {
      send({ kind: 'finished', outcome: await workplace!.perform(cell, recorder) });
    } catch (thrown) {
      if (stop.signal.aborted) send({ kind: 'stopped' });
      else if (thrown instanceof DeadEngine) fail(thrown);
      else send(answerTo(thrown));
    }
  }

  process.on('message', (message) => {
    const told = order.parse(message);
    if (told.kind === 'compute') working = compute(told.cell);
    else if (told.kind === 'stop') stop.abort(new Error('stopped'));
    else end();
  });
  send({ kind: 'ready' });
  try {
    await ended;
    await working;
  } finally {
    await workplace.close();
    leave();
  }

  function leave(): void {
    process.off('SIGINT', ignore);
    if (process.connected) process.disconnect();
  }
}

/** This machine is the bench's own: where it lacks what the cell is made of, no other process has it. */
function answerTo(thrown: unknown): Answer {
  const cannot = thrown instanceof Unable && !(thrown instanceof OtherMaterials);
  return cannot ? unusable(thrown) : { kind: 'finished', outcome: failure(thrown) };
}

function unusable(thrown: unknown): Answer {
  const own = thrown instanceof AntidoteError;
  return {
    kind: 'unusable',
    fault: own ? thrown.fault : 'internal',
    where: own ? thrown.where : 'a process of the bench',
    found: own ? thrown.found : String(thrown instanceof Error ? thrown.stack : thrown),
    expected: own ? thrown.expected : 'one that can compute',
    ...(own && thrown.advice && { advice: thrown.advice }),
  };
}
