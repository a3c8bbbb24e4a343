/** @file The library: the functions that the commands are made of, typed, silent and free of global state. */
export { AntidoteError, type ErrorDetails, type Fault } from './errors.ts';
export { readRun, type StoredRun } from './runs/read.ts';
export type { Checkpoint, Recorder, RunEvent } from './runs/recorder.ts';
export { createRun, openRun, type Run, recorderFor } from './runs/run.ts';
