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

/**
 * Characters of a message's parts at most: files are quoted in them, and what they hold may be a megabyte. `where` begins
 * with a path, which is kept whole.
 */
const longest = { where: 5000, found: 500, expected: 2000, advice: 2000 } as const;

function shortened(part: keyof typeof longest, text: string): string {
  const most = longest[part];
  return text.length <= most ? text : `${text.slice(0, most)}... (${text.length} characters)`;
}

/** Every failure that the project foresees. Its message is complete: it can be printed alone. */
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
