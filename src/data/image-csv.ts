/** @file Tables of pictures, comma- or tab-separated, and those with the columns `image` and `label`. */
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { badData } from '../errors.ts';
import { fileProblem } from '../tensor/file-problem.ts';
import { checkedClasses, classKey, nameYourClasses } from './classes.ts';
import type { Listing } from './image-files.ts';
import { pathList } from './path-list.ts';

/** Ten million lines of usual length; JavaScript's strings end at twice that. */
const largestBytes = 256 * 1024 * 1024;

/**
 * Lists the pictures of a CSV file in its order. The first line names the columns; others than `image` and `label` are
 * passed over. Paths are relative to the file. A label is a class name (underscores stand for spaces, case does not
 * matter) or, if all of them are whole numbers and `classes` is given, an index into it, counted from 0. Without
 * `classes` the classes are the labels, sorted.
 *
 * @throws AntidoteError (data) that names the line
 */
export async function listImageCsv(path: string, classes?: readonly string[]): Promise<Listing> {
  const [header, ...rows] = await readTable(path);
  const [imageColumn, labelColumn] = columnsOf(path, header, [imageColumns, labelColumns]);
  if (rows.length === 0) throw badData(path, 'no pictures', 'a line for every picture');
  const entries = rows.map(({ fields, line }) => {
    const image = fields[imageColumn!]?.trim();
    const label = fields[labelColumn!]?.trim();
    if (!image || !label) throw badData(`${path}, line ${line}`, 'an empty field', 'an image and its label');
    return { image: resolve(dirname(path), image), label, line };
  });
  const distinct = [...new Set(entries.map(({ label }) => label))].sort();
  const names = classes ?? checkedClasses(path, distinct);
  const indexOf = new Map(names.map((name, index) => [classKey(name), index]));
  const areIndices = classes !== undefined && distinct.every((label) => /^\d+$/.test(label) && !indexOf.has(label));
  const labels = entries.map(({ label, line }) => {
    const index = areIndices ? Number(label) : indexOf.get(classKey(label));
    if (index !== undefined && index < names.length) return index;
    const [where, found] = [`${path}, line ${line}`, `the label "${label}"`];
    throw areIndices
      ? badData(where, found, `an index below ${names.length}`)
      : badData(where, found, 'a name of the class list', nameYourClasses);
  });
  return {
    name: path,
    classes: names,
    labels: Int32Array.from(labels),
    paths: pathList(entries.map(({ image }) => image)),
  };
}

/** What a column may be called; the first name is ours, others are open_clip's. */
export const imageColumns = ['image', 'filepath'] as const;
export const captionColumns = ['caption', 'title'] as const;
const labelColumns = ['label'] as const;

/**
 * The rows of a table, its header first. Tabs separate if the first line has one.
 *
 * @throws AntidoteError (data) for a row with more fields than the header, empty ones at its end aside
 */
export async function readTable(path: string): Promise<readonly Row[]> {
  const text = await readText(path);
  const separator = /^[^\r\n]*\t/.test(text) ? '\t' : ',';
  const rows = parseCsv(path, text, separator);
  const columns = rows[0]?.fields.length ?? 0;
  for (const { fields, line } of rows) {
    const filled = fields.findLastIndex((field) => field.trim() !== '') + 1;
    if (filled <= columns) continue;
    // Most often a separator inside a field: what is behind it would be cut off without a word.
    const advice = `put quotes around a field with ${separator === ',' ? 'commas' : 'tabs'}`;
    throw badData(`${path}, line ${line}`, `${filled} fields`, `${columns}`, advice);
  }
  return rows;
}

/** Positions of the columns, in the order asked for. */
export function columnsOf(path: string, header: Row | undefined, wanted: readonly (readonly string[])[]): number[] {
  const present = header?.fields.map((field) => field.trim().toLowerCase()) ?? [];
  return wanted.map((names) => {
    const index = present.findIndex((field) => names.includes(field));
    if (index >= 0) return index;
    const columns = wanted.map(([name]) => name).join(',');
    throw badData(path, `a first line without "${names[0]}"`, `the columns ${columns}, separated by commas or tabs`);
  });
}

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > largestBytes) throw badData(path, `${size} bytes`, `at most ${largestBytes}`, 'split it');
    return (await readFile(path, 'utf8')).replace(/^\uFEFF/, '');
  } catch (error) {
    throw fileProblem(path, error);
  }
}

export interface Row {
  readonly fields: readonly string[];
  /** Line of the file on which it starts, from 1. */
  readonly line: number;
}

/** RFC 4180, with tabs for commas if asked: quotes doubled inside quotes, line breaks allowed inside them. Empty lines are passed over. */
export function parseCsv(path: string, text: string, separator: ',' | '\t' = ','): Row[] {
  const rows: Row[] = [];
  const token = new RegExp(`("[^"]*(?:""[^"]*)*"|[^"${separator}\\r\\n]*)(${separator}|\\r?\\n|$)`, 'y');
  let fields: string[] = [];
  let line = 1;
  let start = 1;
  while (token.lastIndex < text.length) {
    const match = token.exec(text);
    if (!match) throw badData(`${path}, line ${line}`, 'a stray quote', 'a quote around the whole field');
    const [, field = '', end = ''] = match;
    fields.push(field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field);
    line += field.split('\n').length - 1;
    if (end === separator && token.lastIndex < text.length) continue;
    if (end === separator) fields.push('');
    if (end.endsWith('\n')) line++;
    if (fields.length > 1 || fields[0] !== '') rows.push({ fields, line: start });
    fields = [];
    start = line;
  }
  return rows;
}
