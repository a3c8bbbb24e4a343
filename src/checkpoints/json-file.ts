/** @file Reads the JSON files beside the weights: a bound on their size, a schema, errors that name the key. */
import { readFile, stat } from 'node:fs/promises';
import type { z } from 'zod';
import { badData } from '../errors.ts';
import { fileProblem } from '../tensor/file-problem.ts';

/** The largest such file in the wild, an index of a sharded model or a tokenizer with its vocabulary, has a few MB. */
const mostBytes = 64 * 1024 * 1024;

/** Reads a text file that must be small. */
export async function readSmallText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > mostBytes) throw badData(path, `${size} bytes`, `at most ${mostBytes}`);
    return await readFile(path, 'utf8');
  } catch (error) {
    throw fileProblem(path, error);
  }
}

/** Reads a JSON file and checks it. Throws a data error that names the file and the first key that does not fit. */
export async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  const text = await readSmallText(path);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw badData(path, `text that is not JSON (${(cause as Error).message})`, 'a JSON object', undefined, cause);
  }
  return checkedJson(path, json, schema);
}

/**
 * Checks a value against a schema.
 *
 * @param within keys under which the value lies in its file, for errors
 */
export function checkedJson<T>(path: string, json: unknown, schema: z.ZodType<T>, within: readonly string[] = []): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const unknownKey = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const keys = unknownKey === undefined ? issue.path : [...issue.path, unknownKey];
  const where = [...within, ...keys].join('.');
  throw badData(
    where === '' ? path : `${path}: ${where}`,
    found(json, keys),
    unknownKey === undefined ? lowerFirst(issue.message) : 'no such key in a plain CLIP',
  );
}

function found(json: unknown, keys: readonly PropertyKey[]): string {
  let value = json;
  for (const key of keys) value = (value as Record<PropertyKey, unknown>)[key];
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}

function lowerFirst(message: string): string {
  return message.slice(0, 1).toLowerCase() + message.slice(1);
}
