/** @file The one error type for users: the place, what was found there, what was expected, what to do. */

/** The cause: `usage` is the caller's flags (exit 64), `data` the input files (65), `internal` this program (70). */
export const faults = ['usage', 'data', 'internal'] as const;
export type Fault = (typeof faults)[number];

export interface ErrorDetails {
  readonly fault: Fault;
  /** The file, key or flag at fault. */
  readonly where: string;
  readonly found: string;
  readonly expected: string;
  /** What the user can do, beyond giving what was expected. */
  readonly advice?: string;
  readonly cause?: unknown;
}

/**
 * Most characters of a message's parts: they quote files, whose values may be a megabyte long. `where` begins with a
 * path, which is kept whole.
 */
const longest = { where: 5000, found: 500, expected: 2000, advice: 2000 } as const;

function shortened(part: keyof typeof longest, text: string): string {
  const most = longest[part];
  return text.length <= most ? text : `${text.slice(0, most)}... (${text.length} characters)`;
}

/** Every failure that the project foresees. Its message is complete and can be printed without context. */
export class AntidoteError extends Error {
  readonly fault: Fault;
  readonly where: string;
  readonly found: string;
  readonly expected: string;
  readonly advice: string | undefined;

  constructor(details: ErrorDetails) {
    const where = shortened('where', details.where);
    const found = shortened('found', details.found);
    const expected = shortened('expected', details.expected);
    const advice = details.advice && shortened('advice', details.advice);
    super(`${where}: found ${found}, expected ${expected}${advice ? `; ${advice}` : ''}`, { cause: details.cause });
    this.name = 'AntidoteError';
    this.fault = details.fault;
    this.where = where;
    this.found = found;
    this.expected = expected;
    this.advice = advice;
  }
}

/** The end of an error: advice, or advice with the error that was the cause. */
type Rest = string | { readonly advice?: string | undefined; readonly cause: unknown };

/** Unusable input files: unreadable, malformed, inconsistent or over a limit. */
export function badData(where: string, found: string, expected: string, rest?: Rest): AntidoteError {
  return errorOf('data', where, found, expected, rest);
}

/** Flags or options that are wrong or contradictory. */
export function badUsage(where: string, found: string, expected: string, rest?: Rest): AntidoteError {
  return errorOf('usage', where, found, expected, rest);
}

/** A mistake in this program, or in the code that calls it. */
export function internalError(where: string, found: string, expected: string, rest?: Rest): AntidoteError {
  return errorOf('internal', where, found, expected, rest);
}

function errorOf(fault: Fault, where: string, found: string, expected: string, rest: Rest | undefined): AntidoteError {
  const { advice = undefined, cause = undefined } = typeof rest === 'string' ? { advice: rest } : { ...rest };
  return new AntidoteError({ fault, where, found, expected, ...(advice && { advice }), cause });
}
