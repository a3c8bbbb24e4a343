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
 * npm and npx forward a signal that the terminal has already sent to every process: two within this time are one key
 * press. Milliseconds.
 */
const sameKey = 500;

/**
 * Listens for SIGINT and SIGTERM, for as long as the process lives. The signal's reason is an {@link Interrupted}.
 * `onFirst` confirms the stop to the user.
 */
export function listenForInterrupts(onFirst: () => void): AbortSignal {
  const controller = new AbortController();
  let first = 0;
  const interrupt = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      if (performance.now() - first < sameKey) return;
      // Ends at once, without the tear-down that a thread inside ONNX Runtime would turn into an abort. Files on disk are
      // complete at every moment, so this loses at most the steps since the last checkpoint.
      process.removeAllListeners(name);
      process.kill(process.pid, name);
      return;
    }
    first = performance.now();
    controller.abort(new Interrupted());
    onFirst();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  return controller.signal;
}
