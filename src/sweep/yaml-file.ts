/** @file Reads YAML files of users: a limit on their size, a schema, errors that name the line and the key. */
import { isMap, isPair, LineCounter, type Node, parseDocument } from 'yaml';
import type { z } from 'zod';
import { type AntidoteError, badData } from '../errors.ts';
import { firstMistake } from '../tensor/files/json-file.ts';
import { mostTextBytes, readSmallText } from '../tensor/files/text-file.ts';

/** A value that was read, and the errors about its parts. */
export interface YamlFile<T> {
  readonly value: T;
  /** The error for a key whose value fits the schema and is wrong all the same. */
  refuse(keys: readonly PropertyKey[], found: string, expected: string, advice?: string): AntidoteError;
}

/**
 * Aliases that a file may expand to. Ten that each stand for ten others, ten levels deep, are the known way to make a
 * small file fill the memory; a matrix written by hand has a handful.
 */
const mostAliases = 100;

/** Twenty thousand brackets take the parser a second; a matrix written by hand has three. */
const mostBrackets = 100;

/**
 * @throws AntidoteError (data) that names `file:line`, the key, what is there and what should be; a syntax error, a key
 * that stands twice, an alias that expands without end
 */
export async function readYaml<T>(path: string, schema: z.ZodType<T>): Promise<YamlFile<T>> {
  const lines = new LineCounter();
  const text = await readSmallText(path, mostTextBytes, { byUser: true });
  if (bracketsDeep(text) > mostBrackets)
    throw badData(path, `brackets more than ${mostBrackets} deep`, 'lists and maps a few deep');
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    // No warnings: the schema refuses their causes, and a library does not write to the terminal.
    logLevel: 'error',
  });
  const at = (offset: number | undefined) => `${path}:${lines.linePos(offset ?? 0).line || 1}`;
  const [mistake] = document.errors;
  if (mistake) throw badData(at(mistake.pos[0]), lowerFirst(mistake.message), 'YAML', { cause: mistake });

  const where = (keys: readonly PropertyKey[]) => {
    const node = nodeOf(document.contents, keys);
    return `${at(node?.range?.[0])}${keys.length > 0 ? `: ${written(keys)}` : ''}`;
  };
  const refuse: YamlFile<T>['refuse'] = (keys, found, expected, advice) =>
    badData(where(keys), found, expected, advice);

  const json = expanded(document, path);
  const result = schema.safeParse(json);
  if (result.success) return { value: result.data, refuse };
  const { keys, found, expected } = firstMistake(json, result.error);
  throw refuse(keys, found, expected);
}

function expanded(document: ReturnType<typeof parseDocument>, path: string): unknown {
  try {
    const value: unknown = document.toJS({ maxAliasCount: mostAliases });
    // Throws if an alias refers to a value that contains it.
    JSON.stringify(value);
    return value;
  } catch (cause) {
    if (cause instanceof TypeError)
      throw badData(path, 'an alias inside what it stands for', 'values that end', { cause });
    throw badData(path, (cause as Error).message.toLowerCase(), `at most ${mostAliases} aliases`, { cause });
  }
}

/** The deepest nesting of brackets. Those in strings count too: they are few. */
function bracketsDeep(text: string): number {
  let [depth, deepest] = [0, 0];
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    depth = bracket === '[' || bracket === '{' ? depth + 1 : Math.max(0, depth - 1);
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

/** The innermost node on the path to the value; for a key of a map, the key itself, because users look for that. */
function nodeOf(root: unknown, keys: readonly PropertyKey[]): Node | undefined {
  let node = root as Node | undefined;
  for (const key of keys) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && String(item.key) === String(key));
      if (!pair) return node;
      if (key === keys.at(-1)) return pair.key as Node;
      node = pair.value as Node;
    } else {
      const item = (node as { items?: readonly Node[] } | undefined)?.items?.[Number(key)];
      if (!item) return node;
      node = item;
    }
  }
  return node;
}

/** `defenses[1]`, `options.cbpt.tuning.steps`. */
function written(keys: readonly PropertyKey[]): string {
  return keys.map((key, at) => (typeof key === 'number' ? `[${key}]` : `${at > 0 ? '.' : ''}${String(key)}`)).join('');
}

function lowerFirst(message: string): string {
  return message.slice(0, 1).toLowerCase() + message.slice(1);
}
