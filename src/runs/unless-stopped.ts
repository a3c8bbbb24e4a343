/** @file Work that does not look at the wish to stop, such as opening a model: nobody has to wait for its end. */

/**
 * What the work comes to. Once the signal aborts, rejects with its reason and leaves the work to itself, so this is for
 * work that changes nothing of the caller's.
 */
export function unlessStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
