/** @file Work that does not look at the wish to stop, such as opening a model: nobody has to wait for its end. */

/**
 * What the work comes to. Once the signal aborts, rejects with its reason and leaves the work to itself, so this is for
 * work that changes nothing of the caller's.
 *
 * @param patience milliseconds that the work still has from then on
 */
export function unlessStopped<T>(work: Promise<T>, signal: AbortSignal, patience = 0): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const leave = () => reject(signal.reason);
    const stop = () => {
      if (patience === 0) leave();
      else timer = setTimeout(leave, patience);
    };
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    });
  });
}
