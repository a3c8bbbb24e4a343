/** @file Waits for work that does not look at the signal, such as opening a model, until the signal aborts. */

/** How long a server may still take to answer once the signal has aborted. Milliseconds. */
const serverGrace = 3_000;

/**
 * The result of the work. Once the signal aborts, rejects with its reason while the work goes on unobserved: for work
 * that changes nothing of the caller's.
 *
 * @param grace milliseconds that the work still has after the abort
 */
export function unlessStopped<T>(work: Promise<T>, signal: AbortSignal, grace = 0): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const giveUp = () => reject(signal.reason);
    const stop = () => {
      if (grace === 0) giveUp();
      else timer = setTimeout(giveUp, grace);
    };
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    });
  });
}

/** A server's answer or refusal; rejects with the signal's reason where neither comes in time after the abort. */
export function answerUnlessStopped<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return unlessStopped(answer, signal, serverGrace);
}

/** The same, with undefined for a refusal and for no answer. */
export async function answerIfAny<T>(answer: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return answerUnlessStopped(answer, signal).catch(() => undefined);
}
