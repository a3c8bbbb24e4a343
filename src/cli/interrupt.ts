/** @file Ctrl-C: the first stops the work at its next step, the second ends the process at once. */

/** Thrown by a computation that was asked to stop. */
export class Interrupted extends Error {
  constructor() {
    super('stopped');
    this.name = 'Interrupted';
  }
}

/** Exit code of a process that SIGINT ended: 128 + 2, as shells have it. */
export const interruptedExit = 130;

/**
 * npm and npx hand on a signal that the terminal has sent to every process already: within this, two are one.
 * Milliseconds.
 */
const sameKey = 500;

/**
 * Listens for SIGINT and SIGTERM, for as long as the process lives. The signal's reason is an {@link Interrupted}.
 * `onFirst` tells the user that the wish was heard.
 */
export function listenForInterrupts(onFirst: () => void): AbortSignal {
  const controller = new AbortController();
  let first = 0;
  const heard = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      if (performance.now() - first < sameKey) return;
      // Ends at once, without the tear-down that a thread inside ONNX Runtime would turn into an abort. What is on the
      // disk is complete at every moment, so this loses at most the steps since the last checkpoint.
      process.removeAllListeners(name);
      process.kill(process.pid, name);
      return;
    }
    first = performance.now();
    controller.abort(new Interrupted());
    onFirst();
  };
  process.on('SIGINT', heard);
  process.on('SIGTERM', heard);
  return controller.signal;
}
