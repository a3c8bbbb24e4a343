/** @file Reading a run directory without touching it: what a report or a later command needs of a stored run. */
import { join } from 'node:path';
import { z } from 'zod';
import { badData } from '../errors.ts';
import { readJsonIfThere } from '../tensor/json-file.ts';
import { type JsonRecord, type RunConfig, runConfig } from './config.ts';
import { readEvents, type StoredEvent, stageSeconds } from './events.ts';

export interface StoredRun {
  readonly directory: string;
  readonly config: RunConfig;
  readonly events: readonly StoredEvent[];
  /** Where the time went: see `stageSeconds`. */
  readonly stages: readonly { readonly name: string; readonly seconds: number }[];
  /** Undefined while the run is unfinished. */
  readonly result: JsonRecord | undefined;
}

/** Reads a run, finished or not, whether or not another process is writing it. */
export async function readRun(directory: string): Promise<StoredRun> {
  const config = await readConfig(directory);
  const path = join(directory, 'events.jsonl');
  const [events, stages] = [await readEvents(path), await stageSeconds(path, config.started)];
  return { directory, config, events, stages, result: await readResult(directory) };
}

export async function readConfig(directory: string): Promise<RunConfig> {
  const config = await readJsonIfThere(join(directory, 'config.json'), runConfig);
  if (config === undefined) throw badData(directory, 'no config.json in it', 'a run directory');
  return config;
}

/** The result, or undefined where the run has not come to one. */
export async function readResult(directory: string): Promise<JsonRecord | undefined> {
  return readJsonIfThere(join(directory, 'result.json'), z.record(z.string(), z.json()));
}
