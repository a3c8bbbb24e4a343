/** @file The one error a user may meet: what was looked at, what was found, what was expected, what to do. */

/** Who has to act: `usage` the caller's flags (exit 64), `data` the files handed in (65), `internal` ourselves (70). */
export type Fault = 'usage' | 'data' | 'internal';

export interface ErrorDetails {
  readonly fault: Fault;
  /** The file, key or flag that was looked at. */
  readonly where: string;
  /** What was found there. */
  readonly found: string;
  /** What was expected instead. */
  readonly expected: string;
  /** What the reader can do about it, where there is more to say than "give what was expected". */
  readonly advice?: string;
  readonly cause?: unknown;
}

/** Every failure that the project foresees. Its message is complete: it can be printed alone. */
export class AntidoteError extends Error {
  readonly fault: Fault;
  readonly where: string;
  readonly found: string;
  readonly expected: string;
  readonly advice: string | undefined;

  constructor(details: ErrorDetails) {
    const advice = details.advice ? `; ${details.advice}` : '';
    super(`${details.where}: found ${details.found}, expected ${details.expected}${advice}`, { cause: details.cause });
    this.name = 'AntidoteError';
    this.fault = details.fault;
    this.where = details.where;
    this.found = details.found;
    this.expected = details.expected;
    this.advice = details.advice;
  }
}

/** Input files that cannot be used: unreadable, malformed, inconsistent or over a limit. */
export function badData(
  where: string,
  found: string,
  expected: string,
  advice?: string,
  cause?: unknown,
): AntidoteError {
  return new AntidoteError({ fault: 'data', where, found, expected, ...(advice && { advice }), cause });
}

/** Flags or options that cannot be meant as given. */
export function badUsage(where: string, found: string, expected: string, advice?: string): AntidoteError {
  return new AntidoteError({ fault: 'usage', where, found, expected, ...(advice && { advice }) });
}
