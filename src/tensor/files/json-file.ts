/** @file JSON files: reading with a schema, whose errors name file and key, and writing. */
import type { z } from 'zod';
import { badData } from '../../errors.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { mostTextBytes, readSmallText, readSmallTextIfThere } from './text-file.ts';

/** Additions to an error message. */
export interface JsonPlace {
  /** Keys that lead to the value in its file. */
  readonly within?: readonly string[];
  /** The form of a right file, or how to get one. */
  readonly advice?: string;
}

/** Reads a JSON file and checks it. Throws a data error that names the file and the first key that does not fit. */
export async function readJson<T>(path: string, schema: z.ZodType<T>, most = mostTextBytes): Promise<T> {
  return parseJson(path, await readSmallText(path, most), schema);
}

/** Like {@link readJson}; undefined if there is no such file. */
export async function readJsonIfThere<T>(
  path: string,
  schema: z.ZodType<T>,
  place: JsonPlace = {},
): Promise<T | undefined> {
  const text = await readSmallTextIfThere(path);
  return text === undefined ? undefined : parseJson(path, text, schema, place);
}

/** Writes a value as indented JSON with a line end: complete under its name or not at all. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFileAtomically(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** @param where the file, and the place in it if it holds more than the text */
export function parseJson<T>(where: string, text: string, schema: z.ZodType<T>, place: JsonPlace = {}): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw badData(where, `text that is not JSON (${(cause as Error).message})`, 'JSON', {
      advice: place.advice,
      cause,
    });
  }
  return checkedJson(where, json, schema, place);
}

/** Checks a parsed value, or a part of one. */
export function checkedJson<T>(where: string, json: unknown, schema: z.ZodType<T>, place: JsonPlace = {}): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const { keys, found, expected } = firstMistake(json, result.error);
  const key = [...(place.within ?? []), ...keys].join('.');
  throw badData(key === '' ? where : `${where}: ${key}`, found, expected, place.advice);
}

/** A value that does not fit its schema, in words. */
export interface Mistake {
  readonly keys: readonly PropertyKey[];
  readonly found: string;
  readonly expected: string;
}

/** An unknown key comes before a missing one: it may be that one, misspelt. */
export function firstMistake(json: unknown, error: z.ZodError): Mistake {
  const [first] = error.issues as [z.core.$ZodIssue];
  const isMissing = first.code !== 'unrecognized_keys' && valueAt(json, first.path) === undefined;
  const issue = (isMissing && error.issues.find(({ code }) => code === 'unrecognized_keys')) || first;
  if (issue.code === 'unrecognized_keys') {
    const keys = [...issue.path, issue.keys[0]!];
    return { keys, found: shown(valueAt(json, keys)), expected: 'no such key' };
  }
  const { path, expected } = innermost(issue);
  return { keys: path, found: shown(valueAt(json, path)), expected };
}

/** The alternative of a union that fits furthest; all of them if they fail equally early. */
function innermost(issue: z.core.$ZodIssue): { path: readonly PropertyKey[]; expected: string } {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0)
    return { path: issue.path, expected: expectedBy(issue.message) };
  const tried = issue.errors.flatMap(([first]) => (first ? [innermost(first)] : []));
  const furthest = Math.max(...tried.map(({ path }) => path.length));
  const best = tried.filter(({ path }) => path.length === furthest);
  return {
    path: [...issue.path, ...best[0]!.path],
    expected: [...new Set(best.map(({ expected }) => expected))].join(', or '),
  };
}

function valueAt(value: unknown, keys: readonly PropertyKey[]): unknown {
  return keys.reduce((inner: unknown, key) => (inner as Record<PropertyKey, unknown> | null | undefined)?.[key], value);
}

const longestShown = 80;

/** Lists and objects show only their size: they may be as large, or as deep, as the whole file. */
function shown(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${counted(value.length, 'item')}`;
  if (typeof value === 'object') return `an object with ${counted(Object.keys(value).length, 'key')}`;
  const text = JSON.stringify(typeof value === 'string' ? value.slice(0, longestShown) : value);
  return text.length > longestShown ? `${text.slice(0, longestShown)}...` : text;
}

function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

/** Zod's message without the half that `AntidoteError` adds. */
function expectedBy(message: string): string {
  const told = message
    .replace(/^(Invalid [\w ]+|Too small|Too big): (expected |must be |must )?/, '')
    .replace(/^Invalid discriminator value\. Expected /, '')
    .replace(/, received .*$/, '');
  return told.slice(0, 1).toLowerCase() + told.slice(1);
}
