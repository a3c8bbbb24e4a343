/** @file A recorder for computations that leave no run behind: nothing is kept, nothing stops them. */
import type { Recorder, RunEvent } from './recorder.ts';

/** `record` gets every event; none is kept if it is left out. */
export function unrecorded(record: (event: RunEvent) => void = () => {}): Recorder {
  return { record, save: async () => {}, restore: async () => undefined, signal: new AbortController().signal };
}
