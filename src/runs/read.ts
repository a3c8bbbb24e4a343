/** @file Reading a run directory without touching it: what a report or a later command needs of a stored run. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { badData } from '../errors.ts';
import { fileProblem } from '../tensor/file-problem.ts';
import { type JsonRecord, type RunConfig, runConfig } from './config.ts';
import { readEvents, type StoredEvent } from './events.ts';

export interface StoredRun {
  readonly directory: string;
  readonly config: RunConfig;
  readonly events: readonly StoredEvent[];
  /** Undefined while the run is unfinished. */
  readonly result: JsonRecord | undefined;
}

/** Reads a run, finished or not, whether or not another process is writing it. */
export async function readRun(directory: string): Promise<StoredRun> {
  const config = await readConfig(directory);
  const events = await readEvents(join(directory, 'events.jsonl'));
  return { directory, config, events, result: await readResult(directory) };
}

export async function readConfig(directory: string): Promise<RunConfig> {
  const path = join(directory, 'config.json');
  const text = await readFile(path, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') throw badData(directory, 'no config.json in it', 'a run directory');
    throw fileProblem(path, error);
  });
  return parseAs(runConfig, path, text);
}

/** The result, or undefined where the run has not come to one. */
export async function readResult(directory: string): Promise<JsonRecord | undefined> {
  const path = join(directory, 'result.json');
  const text = await readFile(path, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return undefined;
    throw fileProblem(path, error);
  });
  return text === undefined ? undefined : parseAs(z.record(z.string(), z.json()), path, text);
}

/** Parses JSON text and checks it; the error names the file, the key, what is there and what should be. */
export function parseAs<T>(schema: z.ZodType<T>, path: string, text: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badData(path, `text that is not JSON (${(error as Error).message})`, 'JSON', undefined, error);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const where = [path, ...issue.path.map(String)].join(' > ');
  throw badData(where, describe(valueAt(value, issue.path)), issue.message.replace(/^Invalid \w+: expected /, ''));
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce((inner: unknown, key) => (inner as Record<PropertyKey, unknown> | undefined)?.[key], value);
}

function describe(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 100);
}
