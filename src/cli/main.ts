#!/usr/bin/env node
/** @file The `antidote` command: arguments in, exit code out. */
import { run } from '@stricli/core';
import { environment } from '../runs/environment.ts';
import { buildAntidote } from './app.ts';
import type { CliContext } from './context.ts';
import type { Failure } from './failure.ts';
import { listenForInterrupts } from './interrupt.ts';

const { stdout, stderr, env, argv } = process;
// `antidote ... | head` closes the pipe early: that is no error.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

const interrupts = listenForInterrupts(() => stderr.write('\nstopping at the next step; press again to end at once\n'));
const context: CliContext = { process: { stdout, stderr, env }, signal: interrupts.signal };
const argumentsGiven = argv.slice(2);
let failure: Failure | undefined;

const app = buildAntidote(environment().versions.antidote, (told) => {
  failure = told;
});
await run(app, argumentsGiven, context);
interrupts.stop();

if (failure && argumentsGiven.includes('--json'))
  stdout.write(`${JSON.stringify({ error: failure.error }, null, 2)}\n`);
process.exitCode = failure?.exitCode ?? context.process.exitCode ?? 0;
