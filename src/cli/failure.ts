/** @file Whatever went wrong, as one message, one JSON record and one exit code. */
import {
  AliasNotFoundError,
  ArgumentParseError,
  EnumValidationError,
  FlagNotFoundError,
  UnexpectedFlagError,
  UnexpectedPositionalError,
  UnsatisfiedFlagError,
  UnsatisfiedPositionalError,
} from '@stricli/core';
import { AntidoteError, badUsage, type Fault } from '../errors.ts';
import { shellWord } from '../runs/shell-word.ts';
import { Interrupted, interruptedExit } from './interrupt.ts';

export interface Failure {
  readonly exitCode: number;
  /** Complete: can be printed alone. */
  readonly message: string;
  /** What `--json` prints, as `{"error": ...}`. */
  readonly error: Readonly<Record<'where' | 'found' | 'expected' | 'advice', string | null>>;
}

/** From BSD's sysexits.h: EX_USAGE, EX_DATAERR, EX_SOFTWARE. */
export const exitCodes = { usage: 64, data: 65, internal: 70 } as const satisfies Record<Fault, number>;

/** Whatever ended a run that can be gone on with. */
export class Unfinished extends Error {
  readonly run: string;

  constructor(run: string, cause: unknown) {
    super('the run is unfinished', { cause });
    this.name = 'Unfinished';
    this.run = run;
  }
}

export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof Unfinished) return withResume(failureOf(thrown.cause), thrown.run);
  if (thrown instanceof AntidoteError) {
    const { where, found, expected, advice } = thrown;
    return {
      exitCode: exitCodes[thrown.fault],
      message: `antidote: ${thrown.message}`,
      error: { where, found, expected, advice: advice ?? null },
    };
  }
  if (thrown instanceof Interrupted) {
    return {
      exitCode: interruptedExit,
      message: `antidote: ${thrown.message}`,
      error: { where: 'antidote', found: 'a request to stop', expected: 'to run to the end', advice: null },
    };
  }
  const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return {
    exitCode: exitCodes.internal,
    message: `antidote: an error of its own (please report it): ${text}`,
    error: { where: 'antidote', found: text.split('\n')[0]!, expected: 'no such error', advice: 'please report it' },
  };
}

/** Where a run lies is told with whatever ended it: of a folder that was named by the time nobody knows the name. */
function withResume({ exitCode, message, error }: Failure, run: string): Failure {
  const command = `antidote resume ${shellWord(run)}`;
  return {
    exitCode,
    // Not behind the last line of a stack.
    message: `${message}${message.includes('\n') ? '\n' : '; '}go on with: ${command}`,
    error: { ...error, advice: error.advice === null ? command : `${error.advice}; go on with: ${command}` },
  };
}

/** What the argument parser found, in the words of every other error. */
export function argumentError(thrown: unknown): unknown {
  if (thrown instanceof ArgumentParseError) {
    const where = flag(thrown.externalFlagNameOrPlaceholder);
    if (thrown.exception instanceof AntidoteError) return thrown.exception;
    const reason = thrown.exception instanceof Error ? thrown.exception.message : String(thrown.exception);
    return badUsage(where, JSON.stringify(thrown.input), reason);
  }
  if (thrown instanceof FlagNotFoundError)
    return badUsage(
      flag(thrown.input),
      'an unknown flag',
      'a flag of this command',
      didYouMean(thrown.corrections.map(flag)),
    );
  if (thrown instanceof AliasNotFoundError)
    return badUsage(`-${thrown.input}`, 'an unknown flag', 'a flag of this command', didYouMean([]));
  if (thrown instanceof EnumValidationError)
    return badUsage(flag(thrown.externalFlagName), JSON.stringify(thrown.input), `one of ${thrown.values.join(', ')}`);
  if (thrown instanceof UnexpectedFlagError)
    return badUsage(flag(thrown.externalFlagName), `both ${thrown.previousInput} and ${thrown.input}`, 'one value');
  if (thrown instanceof UnexpectedPositionalError)
    return badUsage(
      'arguments',
      JSON.stringify(thrown.input),
      `no more than ${thrown.expectedCount}`,
      'a path with spaces needs quotes',
    );
  if (thrown instanceof UnsatisfiedFlagError) return badUsage(flag(thrown.externalFlagName), 'nothing', 'a value');
  if (thrown instanceof UnsatisfiedPositionalError) return badUsage(thrown.placeholder, 'nothing', 'a value');
  return thrown;
}

/** An unknown command, with those that are spelt alike. */
export function unknownCommand(input: string, corrections: readonly string[]): AntidoteError {
  return badUsage('command', JSON.stringify(input), 'a command of antidote', didYouMean(corrections));
}

function didYouMean(corrections: readonly string[]): string {
  return corrections.length > 0 ? `did you mean ${corrections.join(' or ')}?` : 'see --help';
}

function flag(name: string): string {
  return name.startsWith('-') ? name : `--${name}`;
}
