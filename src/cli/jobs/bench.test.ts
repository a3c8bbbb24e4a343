import { expect, test } from 'vitest';
import type { JsonRecord } from '../../runs/config.ts';
import { benchJob } from './bench.ts';

const cell: JsonRecord = {
  attack: 'sig',
  defense: 'cbpt',
  seed: 1,
  classes: 'things',
  shots: 16,
  ca: 59.25,
  asr: 0,
  ra: null,
  error: null,
};
const tableOf = (cells: readonly JsonRecord[]) =>
  benchJob.summary({ cells: [...cells], run: 'my runs/a', report: 'my runs/a/report.html' });

test('titles are aligned with their columns', () => {
  expect(tableOf([cell, { ...cell, seed: 2, asr: 100, ra: 4.5 }])).toEqual([
    '  attack  defense  classes  seed      CA     ASR      RA',
    '  sig     cbpt     things      1   59.25    0.00       -',
    '  sig     cbpt     things      2   59.25  100.00    4.50',
    '',
    '  run     my runs/a',
    '  report  my runs/a/report.html',
  ]);
});

test('a column of shots appears where rows differ in them', () => {
  const [title, few, many] = tableOf([{ ...cell, shots: 1 }, cell]);
  expect(title).toBe('  attack  defense  classes  shots  seed      CA     ASR      RA');
  expect(few).toContain('  things       1     1   59.25');
  expect(many).toContain('  things      16     1   59.25');
});

test('a failed cell shows its error, and the resume command can be copied', () => {
  const lines = tableOf([{ ...cell, ca: null, asr: null, error: 'no memory left' }]);
  expect(lines[1]).toBe('  sig     cbpt     things      1  FAILED: no memory left');
  expect(lines).toContain("  1 of 1 cells failed; try them again by: antidote resume 'my runs/a'");
});
