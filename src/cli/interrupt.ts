/** @file Ctrl-C: the first stops the work at its next step, the second ends the process at once. */

/** Thrown by a computation that was asked to stop; `run` is the directory it can be resumed from. */
export class Interrupted extends Error {
  readonly run: string | undefined;

  constructor(run?: string) {
    super(run === undefined ? 'stopped' : `stopped; go on with: antidote resume ${run}`);
    this.name = 'Interrupted';
    this.run = run;
  }
}

/** Exit code of a process that SIGINT ended: 128 + 2, as shells have it. */
export const interruptedExit = 130;

/**
 * Listens for SIGINT and SIGTERM until `stop` is called. The signal's reason is an {@link Interrupted}.
 * `onFirst` tells the user that the wish was heard.
 */
export function listenForInterrupts(onFirst: () => void): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  const heard = () => {
    // What is on the disk is complete at every moment, so ending here loses at most the steps since the checkpoint.
    if (controller.signal.aborted) process.exit(interruptedExit);
    controller.abort(new Interrupted());
    onFirst();
  };
  process.on('SIGINT', heard);
  process.on('SIGTERM', heard);
  return {
    signal: controller.signal,
    stop() {
      process.off('SIGINT', heard);
      process.off('SIGTERM', heard);
    },
  };
}
