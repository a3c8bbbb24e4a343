/** @file Reads a run directory without changing it, for reports and later commands. */
import { join } from 'node:path';
import { z } from 'zod';
import { badData } from '../errors.ts';
import { readJsonIfThere } from '../tensor/files/json-file.ts';
import { type JsonRecord, type RunConfig, runConfig } from './config.ts';
import { type Course, readCourse } from './events.ts';

export interface StoredRun extends Course {
  readonly directory: string;
  readonly config: RunConfig;
  /** Undefined while the run is unfinished. */
  readonly result: JsonRecord | undefined;
}

/** Reads a run, finished or not, even while another process writes it. */
export async function readRun(directory: string): Promise<StoredRun> {
  const config = await readConfig(directory);
  const course = await readCourse(join(directory, 'events.jsonl'), config.started);
  return { directory, config, ...course, result: await readResult(directory) };
}

export async function readConfig(directory: string): Promise<RunConfig> {
  const config = await readJsonIfThere(join(directory, 'config.json'), runConfig);
  if (config === undefined) throw badData(directory, 'no config.json in it', 'a run directory');
  return config;
}

/** The result; undefined while the run is unfinished. */
export async function readResult(directory: string): Promise<JsonRecord | undefined> {
  return readJsonIfThere(join(directory, 'result.json'), z.record(z.string(), z.json()));
}
