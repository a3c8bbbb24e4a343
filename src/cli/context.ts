/** @file What every command gets: streams, a stop signal, and ways to print. */
import type { CommandContext } from '@stricli/core';
import type { Engine } from '../engine/engine.ts';
import type { EngineFlags, OutputFlags } from './flags.ts';
import { createTerminal, type Screen, type Terminal } from './terminal.ts';

export interface CliContext extends CommandContext {
  readonly process: {
    readonly stdout: NodeJS.WriteStream;
    readonly stderr: NodeJS.WriteStream;
    readonly env: NodeJS.ProcessEnv;
    /** Set by commands that answer by an exit code. */
    exitCode?: number;
  };
  /**
   * From its first call on, Ctrl-C aborts the signal, with an `Interrupted` as its reason, instead of ending the process.
   * For commands that check the signal between steps; the others simply end.
   */
  readonly stopSignal: () => AbortSignal;
}

export function terminalFor(context: CliContext, flags: OutputFlags): Terminal {
  return createTerminal(screenFor(context, flags));
}

/** Standard error as something to draw on. */
export function screenFor(context: CliContext, flags: OutputFlags): Screen {
  const { stderr, env } = context.process;
  return {
    write: (text) => stderr.write(text),
    interactive: stderr.isTTY === true && env.TERM !== 'dumb',
    quiet: flags.quiet,
    // A terminal that was made without a size reports 0.
    columns: () => stderr.columns || 80,
    rows: () => stderr.rows || 24,
    now: () => performance.now(),
    every(milliseconds, tick) {
      const timer = setInterval(tick, milliseconds).unref();
      return () => clearInterval(timer);
    },
  };
}

/** Prints the answer of a command: the record with `--json`, otherwise the lines for a person. */
export function printResult(context: CliContext, flags: OutputFlags, result: unknown, lines: readonly string[]): void {
  context.process.stdout.write(`${flags.json ? JSON.stringify(result, null, 2) : lines.join('\n')}\n`);
}

/** Opens the engine that the flags ask for, and closes it whatever happens. */
export async function withEngine<T>(flags: EngineFlags, use: (engine: Engine) => Promise<T>): Promise<T> {
  // Loaded here: commands that compute nothing need no ONNX Runtime.
  const { openEngine } = await import('../engine/ort-engine.ts');
  const engine = await openEngine({ device: flags.device, threads: flags.threads });
  try {
    return await use(engine);
  } finally {
    await engine.close();
  }
}
