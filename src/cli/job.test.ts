import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import type { CliContext } from './context.ts';
import { type DelegatedJob, resumeJob, startJob } from './job.ts';

const folder = temporaryFolder();
const home = process.cwd();
afterEach(() => process.chdir(home));

const stream = new PassThrough() as unknown as NodeJS.WriteStream;
const context: CliContext = {
  process: { stdout: stream, stderr: stream, env: {} },
  stopSignal: () => new AbortController().signal,
};
const flags = { json: false, quiet: true, device: 'cpu', threads: 1 } as const;

const restJob: DelegatedJob<{ hours: number }> = {
  command: 'rest',
  options: z.strictObject({ hours: z.number() }),
  delegate: async (_, { run }) => ({ run: run.directory }),
  unfinished: () => false,
  summary: ({ run }) => [String(run)],
};

test('a run resumes in the working directory it started in, or in the current one once that is gone', async () => {
  const directories: string[] = [];
  const job: DelegatedJob<{ hours: number }> = {
    command: 'rest',
    options: z.strictObject({ hours: z.number() }),
    delegate: async (_, { run }) => {
      directories.push(process.cwd(), run.directory);
      return {};
    },
    unfinished: () => true,
    summary: () => [],
  };
  const [begun, other] = [join(folder(), 'begun'), join(folder(), 'other')];
  await Promise.all([mkdir(begun), mkdir(other)]);
  process.chdir(begun);
  await startJob(context, job, { hours: 8 }, { ...flags, out: '../run' });
  await resumeJob(context, [job] as never, '../run', flags);
  process.chdir(other);
  await resumeJob(context, [job] as never, '../run', flags);
  process.chdir(other);
  await rm(begun, { recursive: true });
  await resumeJob(context, [job] as never, '../run', flags);
  expect(directories).toEqual([begun, '../run', begun, '../run', begun, join(folder(), 'run'), other, '../run']);
});

test('a finished run that is resumed from elsewhere, or that has moved, shows the paths that were asked for', async () => {
  const [begun, other] = [join(folder(), 'home'), join(folder(), 'away')];
  await Promise.all([mkdir(begun), mkdir(other)]);
  const shown: string[] = [];
  const job: DelegatedJob<{ hours: number }> = {
    ...restJob,
    delegate: async (_, { run }) => ({ run: run.directory, report: join(run.directory, 'report.html'), model: 'clip' }),
    summary: ({ run, report, model }) => {
      shown.push([run, report, model].join(' '));
      return [];
    },
  };
  process.chdir(begun);
  await startJob(context, job, { hours: 8 }, { ...flags, out: './runs/mine' });
  process.chdir(other);
  await resumeJob(context, [job] as never, '../home/runs/mine', flags);
  process.chdir(other);
  await cp(join(begun, 'runs', 'mine'), 'copy', { recursive: true });
  await resumeJob(context, [job] as never, 'copy', flags);
  expect(shown).toEqual([
    './runs/mine runs/mine/report.html clip',
    '../home/runs/mine ../home/runs/mine/report.html clip',
    'copy copy/report.html clip',
  ]);
});

test('the error for a file in place of the runs folder says what to do', async () => {
  const place = join(folder(), 'taken');
  await mkdir(place);
  process.chdir(place);
  await writeFile('runs', '');
  await expect(startJob(context, restJob, { hours: 8 }, flags)).rejects.toThrow(
    'runs: found a file, expected a folder for runs; say with --out where else to put it',
  );
});

test('runs that start within one second have a folder each', async () => {
  process.chdir(folder());
  await Promise.all(Array.from({ length: 5 }, () => startJob(context, restJob, { hours: 8 }, flags)));
  const runs = await readdir('runs');
  expect(runs).toHaveLength(5);
  for (const run of runs) expect(await readdir(join('runs', run))).toContain('result.json');
});
