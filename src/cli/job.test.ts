import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { temporaryFolder } from '../tensor/temporary-folder.test-support.ts';
import type { CliContext } from './context.ts';
import { type DelegatedJob, startJob } from './job.ts';

const folder = temporaryFolder();
const home = process.cwd();
afterEach(() => process.chdir(home));

test('runs that begin within one second have a folder each', async () => {
  process.chdir(folder());
  const job: DelegatedJob<{ hours: number }> = {
    command: 'rest',
    options: z.strictObject({ hours: z.number() }),
    delegate: async (_, { run }) => ({ run: run.directory }),
    unfinished: () => false,
    summary: ({ run }) => [String(run)],
  };
  const stream = new PassThrough() as unknown as NodeJS.WriteStream;
  const context: CliContext = {
    process: { stdout: stream, stderr: stream, env: {} },
    stopSignal: () => new AbortController().signal,
  };
  const flags = { json: false, quiet: true, device: 'cpu', threads: 1 } as const;
  await Promise.all(Array.from({ length: 5 }, () => startJob(context, job, { hours: 8 }, flags)));
  const runs = await readdir('runs');
  expect(runs).toHaveLength(5);
  for (const run of runs) expect(await readdir(join('runs', run))).toContain('result.json');
});
