import { expect, test } from 'vitest';
import { type CliContext, screenFor } from './context.ts';

test('a terminal that reports no size counts as 80 columns by 24 rows', () => {
  const stderr = { columns: 0, rows: 0 } as NodeJS.WriteStream;
  const context: CliContext = {
    process: { stdout: process.stdout, stderr, env: {} },
    stopSignal: () => new AbortController().signal,
  };
  const screen = screenFor(context, { json: false, quiet: false });
  expect([screen.columns(), screen.rows()]).toEqual([80, 24]);
});
