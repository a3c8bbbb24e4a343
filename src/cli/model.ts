/** @file The MODEL argument, which most commands take first. */
import type { RunEvent } from '../runs/recorder.ts';
import type { Terminal } from './terminal.ts';

export const modelParameter = {
  parse: String,
  placeholder: 'model',
  brief: 'A model folder or file, hf:org/name@revision, or a built-in such as emoji-clip:badnet',
} as const;

/** Where the folder of a purified run will do as well. */
export const modelOrRunParameter = {
  parse: String,
  placeholder: 'model|run',
  brief: 'A model, or the run directory of a purification',
} as const;

/** Opens a model while the terminal tells how far fetching and reading are; ends with a whole line whatever happens. */
export async function shownOpening<T>(
  terminal: Terminal,
  open: (report: (event: RunEvent) => void) => Promise<T>,
): Promise<T> {
  try {
    return await open(terminal.progress);
  } finally {
    terminal.settle();
  }
}
