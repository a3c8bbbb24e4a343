/** @file The header of a safetensors file: a strict parser for its subset of JSON. */
import { badData } from '../errors.ts';

/** A tensor as the header describes it, not yet compared with the rest of the file. */
export interface HeaderEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** First byte and the byte after the last, counted from the end of the header. */
  readonly dataOffsets: readonly [number, number];
}

export interface Header {
  readonly entries: ReadonlyMap<string, HeaderEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Limits of a header. Real files stay far below; a hostile one would cost memory and time. */
export const limits = {
  /** The format's own limit, as in its reference reader. */
  headerBytes: 100_000_000,
  /** Mixtures of experts have tens of thousands, a CLIP some hundreds. */
  tensors: 100_000,
  /** Entries beside the tensors: a handful, each of which may be as long as a list of classes. */
  metadata: 10_000,
  /** Tensors in CLIP models have at most 4 axes. */
  axes: 16,
  /** Names repeat module paths and stay shorter. The limit also keeps error messages readable. */
  nameLength: 1024,
} as const;

/**
 * Parses the header's text. `JSON.parse` is too lenient: it keeps the last of two equal keys, so that two readers could
 * see different tensors under one name, and accepts `1e3` and `1.0` as whole numbers.
 */
export function parseHeader(path: string, text: string): Header {
  let at = 0;

  const fail = (found: string, expected: string) =>
    badData(path, `${found} at character ${at} of the header`, expected, 'the file is damaged or not safetensors');
  const space = () => {
    while (at < text.length && ' \t\n\r'.includes(text[at]!)) at++;
  };
  const sees = (mark: string) => {
    space();
    return text[at] === mark;
  };
  const take = (mark: string) => {
    if (!sees(mark)) throw fail(at < text.length ? JSON.stringify(text[at]) : 'the end', JSON.stringify(mark));
    at++;
  };

  const string = (): string => {
    take('"');
    const start = at;
    for (; at < text.length && text[at] !== '"'; at++) {
      if (text[at] === '\\') at++;
    }
    take('"');
    try {
      return JSON.parse(text.slice(start - 1, at)) as string;
    } catch {
      throw fail('a malformed string', 'a JSON string');
    }
  };

  const wholeNumber = (): number => {
    space();
    const digits = /(?:0|[1-9][0-9]{0,15})(?![0-9.eE])/y;
    digits.lastIndex = at;
    const found = digits.exec(text)?.[0];
    if (found === undefined || !Number.isSafeInteger(Number(found))) {
      throw fail(JSON.stringify(text.slice(at, at + 20)), 'a whole number from 0 to 2^53 - 1');
    }
    at += found.length;
    return Number(found);
  };

  const list = <T>(item: () => T, most: number): T[] => {
    const items: T[] = [];
    take('[');
    while (!sees(']')) {
      if (items.length > 0) take(',');
      if (items.length === most) throw fail(`more than ${most} items in a list`, `at most ${most}`);
      items.push(item());
    }
    take(']');
    return items;
  };

  const object = (member: (key: string) => void): void => {
    const keys = new Set<string>();
    take('{');
    while (!sees('}')) {
      if (keys.size > 0) take(',');
      const key = string();
      if (keys.has(key)) throw fail(`the key ${shown(key)} a second time`, 'every key once');
      keys.add(key);
      take(':');
      member(key);
    }
    take('}');
  };

  const entry = (name: string): HeaderEntry => {
    let dtype: string | undefined;
    let shape: number[] | undefined;
    let offsets: number[] | undefined;
    object((key) => {
      if (key === 'dtype') dtype = string();
      else if (key === 'shape') shape = list(wholeNumber, limits.axes);
      else if (key === 'data_offsets') offsets = list(wholeNumber, 2);
      else throw fail(`the key ${shown(key)} in tensor ${shown(name)}`, 'dtype, shape and data_offsets');
    });
    if (dtype === undefined || shape === undefined || offsets?.length !== 2) {
      throw fail(`tensor ${shown(name)} incomplete`, 'dtype, shape and two data_offsets');
    }
    return { dtype, shape, dataOffsets: [offsets[0]!, offsets[1]!] };
  };

  const entries = new Map<string, HeaderEntry>();
  const metadata: [string, string][] = [];
  const metadatum = (key: string) => {
    if (metadata.push([key, string()]) > limits.metadata) throw fail(`more than ${limits.metadata} notes`, 'fewer');
  };
  object((name) => {
    if (name.length > limits.nameLength) {
      throw fail(`a name of ${name.length} characters`, `at most ${limits.nameLength}`);
    }
    if (entries.size === limits.tensors) throw fail(`more than ${limits.tensors} tensors`, 'fewer');
    if (name === '__metadata__') object(metadatum);
    else entries.set(name, entry(name));
  });
  space();
  if (at < text.length) throw fail('text after the end of the object', 'spaces only');
  // fromEntries defines own properties: a key called __proto__ is a key like any other.
  return { entries, metadata: Object.fromEntries(metadata) };
}

/** A name from the file, shortened and quoted for an error message. */
export function shown(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}...` : name);
}
