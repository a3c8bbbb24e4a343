/** @file From arguments to an exit code: signals, failures, and the one JSON document. */
import { type RouteMap, run } from '@stricli/core';
import { environment } from '../runs/environment.ts';
import { fileProblem } from '../tensor/files/file-problem.ts';
import { buildAntidote } from './app.ts';
import type { CliContext } from './context.ts';
import { exitCodes, type Failure, failureOf } from './failure.ts';
import { listenForInterrupts } from './interrupt.ts';

/**
 * Runs the command that the process was started with, and sets its exit code.
 *
 * @param load loads all commands; where an installation is broken it fails, and that ends like all other errors
 */
export async function start(load: () => Promise<RouteMap<CliContext>>): Promise<void> {
  const { stdout, stderr, env, argv } = process;
  // `antidote ... | head` closes the pipe early: that is no error.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw fileProblem('standard output', error);
  });
  // Progress that nobody can be told is lost; the work is not.
  stderr.on('error', () => {});

  let signal: AbortSignal | undefined;
  const stopSignal = () => {
    signal ??= listenForInterrupts(() => stderr.write('\nstopping at the next step; press again to end at once\n'));
    return signal;
  };
  const context: CliContext = { process: { stdout, stderr, env }, stopSignal };
  const given = argv.slice(2);
  const print = ({ error }: Failure) => {
    if (asksForJson(given)) stdout.write(`${JSON.stringify({ error }, null, 2)}\n`);
  };
  let failure: Failure | undefined;
  const end = (thrown: unknown): never => {
    const told = failureOf(thrown);
    stderr.write(`${told.message}\n`);
    print(told);
    process.exit(told.exitCode);
  };
  // Errors that no command waits for, of a thread that died for example, end like all others.
  process.on('uncaughtException', end);
  const app = buildAntidote(await load().catch(end), environment().versions.antidote, (told) => {
    failure = told;
  });

  await run(app, given, context);
  if (failure) print(failure);
  // Negative codes are the parser's own, for what it could not load or call.
  const code = failure?.exitCode ?? context.process.exitCode ?? 0;
  process.exitCode = code < 0 ? exitCodes.internal : code;
  // All is written and closed. What was left to itself, an answer that never comes say, keeps no one who asked to stop.
  if (signal?.aborted) process.exit();
}

/** As the parser reads the flag, which may not have come so far. */
function asksForJson(given: readonly string[]): boolean {
  const end = given.indexOf('--');
  const flags = end < 0 ? given : given.slice(0, end);
  return flags.some((word) => /^--json(=(true|t|yes|y|on|1))?$/i.test(word));
}
