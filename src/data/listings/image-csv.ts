/** @file Tables of pictures, comma- or tab-separated: rows of any columns, and listings from `image` and `label`. */
import { dirname, resolve } from 'node:path';
import { badData } from '../../errors.ts';
import { readBytes, withFile } from '../../tensor/files/file-bytes.ts';
import { decodedText } from '../../tensor/files/text-file.ts';
import { checkedClasses, classKey, nameYourClasses, spokenName } from '../classes.ts';
import { csvRows } from './csv.ts';
import type { Listing } from './image-files.ts';
import { collectPaths } from './path-list.ts';

/** Ten million lines of usual length; JavaScript's strings can have twice that. */
const largestBytes = 256 * 1024 * 1024;

/**
 * Lists the pictures of a CSV file in its order. The first line names the columns; others than `image` and `label` are
 * ignored. Paths are relative to the file. A label is a class name (underscores stand for spaces, case does not matter) or,
 * if all labels are whole numbers and `classes` is given, an index into it, counted from 0. Without `classes` the classes
 * are the labels as they are said, sorted.
 *
 * @throws AntidoteError (data) that names the line
 */
export async function listImageCsv(path: string, classes?: readonly string[]): Promise<Listing> {
  const paths = collectPaths();
  /** The distinct labels, each with the line of its first row and the number by which rows refer to it. */
  const found = new Map<string, { readonly line: number; readonly number: number }>();
  const numbers: number[] = [];
  for (const { values, line } of await readTable(path, [imageColumns, labelColumns])) {
    const [image, label] = values as [string, string];
    const known = found.get(label) ?? { line, number: found.size };
    if (known.number === found.size) found.set(label, known);
    paths.add(resolve(dirname(path), image));
    numbers.push(known.number);
  }
  if (numbers.length === 0) throw badData(path, 'no pictures', 'a line for every picture');
  const names = classes ?? checkedClasses(path, ownClasses(path, [...found.keys()]));
  const indexOf = new Map(names.map((name, index) => [classKey(name), index]));
  const areIndices =
    classes !== undefined && [...found.keys()].every((label) => /^\d+$/.test(label) && !indexOf.has(label));
  const indices = [...found].map(([label, { line }]) => {
    const index = areIndices ? Number(label) : indexOf.get(classKey(label));
    if (index !== undefined && index < names.length) return index;
    const where = `${path}, line ${line}`;
    throw areIndices
      ? badData(where, `the label "${label}"`, `an index below ${names.length}`)
      : badData(where, `the label "${label}"`, 'a name of the class list', nameYourClasses);
  });
  return {
    name: path,
    classes: names,
    labels: Int32Array.from(numbers, (number) => indices[number]!),
    paths: paths.list(),
  };
}

function ownClasses(path: string, labels: readonly string[]): readonly string[] {
  if (labels.every((label) => /^\d+$/.test(label))) {
    const expected = 'class names, for nothing says what the numbers stand for';
    throw badData(path, `the labels ${labels.slice(0, 3).join(', ')}`, expected, 'give the class list');
  }
  return [...new Set(labels.map(spokenName))].sort();
}

/** Names of the columns; the first is ours, the second open_clip's. */
export const imageColumns = ['image', 'filepath'] as const;
export const captionColumns = ['caption', 'title'] as const;
const labelColumns = ['label'] as const;

/** The values of a row in the wanted columns, in their order; never empty. */
export interface TableRow {
  readonly values: readonly string[];
  readonly line: number;
}

/**
 * The rows of a table, tab-separated if the first line has a tab.
 *
 * @param wanted columns, each by its possible names
 * @throws AntidoteError (data), also during iteration: for a row with an empty field in a wanted column, or with more
 *   fields than the header, not counting empty ones at its end
 */
export async function readTable(path: string, wanted: readonly (readonly string[])[]): Promise<Iterable<TableRow>> {
  return tableRows(path, await readText(path), wanted);
}

function* tableRows(path: string, text: string, wanted: readonly (readonly string[])[]): Generator<TableRow> {
  const separator = /^[^\r\n]*\t/.test(text) ? '\t' : ',';
  const rows = csvRows(path, text, separator);
  const header = rows.next().value?.fields ?? [];
  const columns = columnsOf(path, header, wanted);
  for (const { fields, line } of rows) {
    const filled = fields.findLastIndex((field) => field.trim() !== '') + 1;
    // Most often a separator inside a field, whose rest would be lost silently.
    const advice = `put quotes around a field with ${separator === ',' ? 'commas' : 'tabs'}`;
    if (filled > header.length) throw badData(`${path}, line ${line}`, `${filled} fields`, `${header.length}`, advice);
    const values = columns.map((column) => fields[column]?.trim() ?? '');
    if (values.includes('')) {
      const names = wanted.map(([name]) => name).join(' and ');
      throw badData(`${path}, line ${line}`, 'an empty field', `${names} of the picture`);
    }
    yield { values, line };
  }
}

/** Positions of the wanted columns, in their order. */
function columnsOf(path: string, header: readonly string[], wanted: readonly (readonly string[])[]): number[] {
  const present = header.map((field) => field.trim().toLowerCase());
  return wanted.map((names) => {
    const index = present.findIndex((field) => names.includes(field));
    if (index >= 0) return index;
    const columns = wanted.map(([name]) => name).join(',');
    throw badData(path, `a first line without "${names[0]}"`, `the columns ${columns}, separated by commas or tabs`);
  });
}

async function readText(path: string): Promise<string> {
  const bytes = await withFile(path, 'a table', (file, size) => {
    if (size > largestBytes) throw badData(path, `${size} bytes`, `at most ${largestBytes}`, 'split it');
    return readBytes(path, file, 0, size);
  });
  return decodedText(path, bytes);
}
