import { PassThrough } from 'node:stream';
import { buildRouteMap, run } from '@stricli/core';
import { expect, test } from 'vitest';
import { buildAntidote } from '../app.ts';
import type { CliContext } from '../context.ts';
import type { Failure } from '../failure.ts';
import { bench } from './bench.ts';

test('--workers and --redis together are refused', async () => {
  const failures: Failure[] = [];
  const commands = buildRouteMap({ routes: { bench }, docs: { brief: 'For tests' } });
  const app = buildAntidote(commands, '0', (failure) => failures.push(failure));
  const stream = new PassThrough() as unknown as NodeJS.WriteStream;
  const context: CliContext = {
    process: { stdout: stream, stderr: stream, env: {} },
    stopSignal: () => new AbortController().signal,
  };
  await run(app, ['bench', 'matrix.yaml', '--workers', '2', '--redis', 'redis://localhost:6379'], context);
  expect(failures).toMatchObject([{ exitCode: 64, error: { where: '--workers', found: '2, and --redis beside it' } }]);
});
