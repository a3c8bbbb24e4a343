/** @file What a server answers to those who want to leave: they wait a moment for it, and not without end. */

/** A server that has not answered within so many milliseconds after the wish to leave is left without its answer. */
const parting = 3_000;

/** What the server answers, or its refusal; rejects with the signal's reason where it is left without either. */
export function untilLeft<T>(answer: Promise<T>, leaving: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const leave = () => {
      timer = setTimeout(() => reject(leaving.reason), parting);
    };
    leaving.addEventListener('abort', leave);
    if (leaving.aborted) leave();
    answer.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      leaving.removeEventListener('abort', leave);
    });
  });
}

/** The same for whom a refusal is as good as no answer. */
export async function answered<T>(answer: Promise<T>, leaving: AbortSignal): Promise<T | undefined> {
  return untilLeft(answer, leaving).catch(() => undefined);
}
