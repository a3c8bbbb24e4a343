import { expect, test } from 'vitest';
import { csvLimits, csvRows } from './csv.ts';

const rows = (text: string, separator?: ',' | '\t') => [...csvRows('x.csv', text, separator)];

test('rows know the line they start on', () => {
  expect(rows('a,b\n"1\n2",3\n4,')).toEqual([
    { fields: ['a', 'b'], line: 1 },
    { fields: ['1\n2', '3'], line: 2 },
    { fields: ['4', ''], line: 4 },
  ]);
});

test('quotes are doubled inside quotes, separators and line ends stand inside them, empty lines are skipped', () => {
  const expected = [
    { fields: ['a "b"', 'c,\r\nd', ''], line: 1 },
    { fields: ['"', '', 'e\tf'], line: 4 },
  ];
  expect(rows('"a ""b""","c,\r\nd",\r\n\r\n"""","",e\tf')).toEqual(expected);
  expect(rows('"a ""b"""\t"c,\r\nd"\t\n\n""""\t""\t"e\tf"\n', '\t')).toEqual(expected);
  expect(rows('')).toEqual([]);
});

test.each([
  ['more behind a quote', '\n"a"b,c\n', 'x.csv, line 2: found more behind a quote'],
  ['a quote without its end', 'a\n"b""\n\n', 'x.csv, line 2: found a quote without its end'],
  ['line ends of old', 'a,b\rc,d\r', 'x.csv, line 1: found a carriage return alone, expected a line feed'],
  [
    'a field without end',
    `a\n"${'""'.repeat(8_000_000)}"`,
    'x.csv, line 2: found a field of more than 100000 characters',
  ],
  [
    'a field without quotes and end',
    'x'.repeat(30_000_000),
    'x.csv, line 1: found a field of more than 100000 characters',
  ],
  ['fields without end', `a\n${','.repeat(30_000_000)}`, 'x.csv, line 2: found more than 1000 fields'],
])('%s is refused, and its line named', (_, text, message) => {
  expect(() => rows(text)).toThrow(message);
});

test('too many rows are refused, and none is kept in memory', () => {
  let count = 0;
  const read = () => {
    for (const { line } of csvRows('x.csv', 'a\n'.repeat(csvLimits.rows + 1))) count = line;
  };
  expect(read).toThrow('found more than 10000000 rows, expected less; split it');
  expect(count).toBe(csvLimits.rows);
});
