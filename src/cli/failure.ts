/** @file Every failure as one message, one JSON record and one exit code. */
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
import { PinnedInputError } from '../runs/run.ts';
import { shellWord } from '../runs/shell-word.ts';
import { Interrupted, interruptedExit } from './interrupt.ts';

export interface Failure {
  readonly exitCode: number;
  /** A complete message. */
  readonly message: string;
  /** What `--json` prints, as `{"error": ...}`. */
  readonly error: Readonly<Record<'where' | 'found' | 'expected' | 'advice', string | null>>;
}

/** From BSD's sysexits.h: EX_USAGE, EX_DATAERR, EX_SOFTWARE. */
export const exitCodes = { usage: 64, data: 65, internal: 70 } as const satisfies Record<Fault, number>;

/** The end of a run that is kept, with its cause. */
export class Unfinished extends Error {
  readonly run: string;

  constructor(run: string, cause: unknown) {
    super('the run is unfinished', { cause });
    this.name = 'Unfinished';
    this.run = run;
  }
}

export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof Unfinished) {
    const failure = failureOf(thrown.cause);
    return thrown.cause instanceof PinnedInputError ? withPlace(failure, thrown.run) : withResume(failure, thrown.run);
  }
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

/** Adds the path of a run that keeps its checkpoints but cannot go on. */
function withPlace({ exitCode, message, error }: Failure, run: string): Failure {
  const place = `what was computed is kept in ${run}`;
  return { exitCode, message: `${message}; ${place}`, error: { ...error, advice: `${error.advice}; ${place}` } };
}

/** Adds the path of the run, which its user may not know: a default folder is named by the time. */
function withResume({ exitCode, message, error }: Failure, run: string): Failure {
  const command = `antidote resume ${shellWord(run)}`;
  return {
    exitCode,
    // On a line of its own after a stack trace.
    message: `${message}${message.includes('\n') ? '\n' : '; '}go on with: ${command}`,
    error: { ...error, advice: error.advice === null ? command : `${error.advice}; go on with: ${command}` },
  };
}

/** Errors of the argument parser, in the form of all other errors. */
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
  if (thrown instanceof UnsatisfiedPositionalError)
    return badUsage(thrown.placeholder, 'nothing', 'an argument', 'see --help');
  return thrown;
}

/** Commands and flags of other programs, with the words for them here. */
const calledOtherwise: Readonly<Record<string, string>> = {
  help: '`antidote --help` or `antidote COMMAND --help`',
  version: '`antidote --version`',
  '-V': '`antidote --version`',
};

/** An unknown command, with what may be meant. */
export function unknownCommand(input: string, corrections: readonly string[]): AntidoteError {
  const meant = Object.hasOwn(calledOtherwise, input) ? [calledOtherwise[input]!] : corrections;
  return badUsage('command', JSON.stringify(input), 'a command of antidote', didYouMean(meant));
}

function didYouMean(corrections: readonly string[]): string {
  return corrections.length > 0 ? `did you mean ${corrections.join(' or ')}?` : 'see --help';
}

function flag(name: string): string {
  return name.startsWith('-') ? name : `--${name}`;
}
