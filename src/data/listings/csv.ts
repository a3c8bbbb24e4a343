/** @file A streaming reader of comma- or tab-separated text (RFC 4180): rows are yielded, none is kept. */
import { badData } from '../../errors.ts';

export const csvLimits = {
  /** The largest evaluation sets of CLIPs have some millions of pictures. */
  rows: 10_000_000,
  /** Tables of captions with metadata have some dozens of columns. */
  fields: 1000,
  /** Paths have at most some thousands, and the tokenizer accepts texts of 20,000. */
  fieldCharacters: 100_000,
} as const;

export interface Row {
  readonly fields: readonly string[];
  /** Line of the file on which it starts, from 1. */
  readonly line: number;
}

/**
 * Quotes are doubled inside quotes, line breaks are allowed there; a quote inside an unquoted field is an ordinary
 * character, as in Python's `csv` and pandas. Empty lines are skipped.
 *
 * @param path name of the text in error messages
 * @throws AntidoteError (data) that names the line
 */
export function* csvRows(path: string, text: string, separator: ',' | '\t' = ','): Generator<Row> {
  const stop = new RegExp(`[${separator}\\r\\n]`, 'g');
  let at = 0;
  let line = 1;
  const fail = (found: string, expected: string, advice?: string) =>
    badData(`${path}, line ${line}`, found, expected, advice);

  const piece = (start: number, end: number): string => {
    const most = csvLimits.fieldCharacters;
    if (end - start > most) throw fail(`a field of more than ${most} characters`, 'less', 'is a quote left open?');
    return text.slice(start, end);
  };
  const quoted = (): string => {
    const start = at + 1;
    for (let end = text.indexOf('"', start); end >= 0; end = text.indexOf('"', end + 2)) {
      const field = piece(start, end);
      // A doubled quote does not end the field.
      if (text[end + 1] === '"') continue;
      at = end + 1;
      return field.replaceAll('""', '"');
    }
    throw fail('a quote without its end', 'a quote around the whole field');
  };
  const plain = (): string => {
    const start = at;
    stop.lastIndex = at;
    at = stop.test(text) ? stop.lastIndex - 1 : text.length;
    return piece(start, at);
  };
  const rowEnd = () => {
    if (text[at] === '\r' && text[at + 1] === '\n') at++;
    if (at < text.length && text[at] !== '\n')
      throw text[at] === '\r'
        ? fail('a carriage return alone', 'a line feed at the end of a line')
        : fail('more behind a quote', 'a quote around the whole field');
    at++;
  };

  for (let rows = 0; at < text.length; ) {
    const start = line;
    const fields: string[] = [];
    let lineBreaks = 1;
    for (let more = true; more; at += more ? 1 : 0) {
      const field = text[at] === '"' ? quoted() : plain();
      lineBreaks += field.split('\n').length - 1;
      if (fields.push(field) > csvLimits.fields)
        throw fail(`more than ${csvLimits.fields} fields`, 'a table of pictures');
      more = text[at] === separator;
    }
    rowEnd();
    line += lineBreaks;
    if (fields.length === 1 && fields[0] === '') continue;
    if (++rows > csvLimits.rows) throw fail(`more than ${csvLimits.rows} rows`, 'less', 'split it');
    yield { fields, line: start };
  }
}
