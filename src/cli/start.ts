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
 * @param load loads all commands; its error, from a broken installation, is handled like all other errors
 */
export async function start(load: () => Promise<RouteMap<CliContext>>): Promise<void> {
  const { stdout, stderr, env, argv } = process;
  // `antidote ... | head` closes the pipe early, which is no error.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw fileProblem('standard output', error);
  });
  // The work goes on without progress messages.
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
    const ending = failureOf(thrown);
    stderr.write(`${ending.message}\n`);
    print(ending);
    process.exit(ending.exitCode);
  };
  // Errors outside a command's promises, of a thread that died for example, are handled like all others.
  process.on('uncaughtException', end);
  const app = buildAntidote(await load().catch(end), environment().versions.antidote, (ending) => {
    failure = ending;
  });

  await run(app, given, context);
  if (failure) print(failure);
  // Negative codes are the parser's own, for commands it could not load or call.
  const code = failure?.exitCode ?? context.process.exitCode ?? 0;
  process.exitCode = code < 0 ? exitCodes.internal : code;
  // Everything is written and closed. After a stop, pending work, such as a request without an answer, must not delay it.
  if (signal?.aborted) process.exit();
}

/** Reads the flag as the parser does, which may have failed before it. */
function asksForJson(given: readonly string[]): boolean {
  const end = given.indexOf('--');
  const flags = end < 0 ? given : given.slice(0, end);
  return flags.some((word) => /^--json(=(true|t|yes|y|on|1))?$/i.test(word));
}
