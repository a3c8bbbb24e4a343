/** @file What the operating system said about a file, in words that a user can act on. */
import { type AntidoteError, badData } from '../../errors.ts';

interface Problem {
  readonly found: string;
  readonly expected: string;
  readonly advice?: string;
}

const problems: Readonly<Record<string, Problem>> = {
  ENOENT: { found: 'no such file or folder', expected: 'a path that exists' },
  ENOTDIR: { found: 'a file where a folder should be', expected: 'a path through folders only' },
  EISDIR: { found: 'a folder', expected: 'a file' },
  EACCES: { found: 'no permission', expected: 'a path that this user may use' },
  EPERM: { found: 'no permission', expected: 'a path that this user may use' },
  EROFS: {
    found: 'a read-only file system',
    expected: 'a folder that can be written',
    advice: 'choose another folder',
  },
  ENOSPC: { found: 'a full disk', expected: 'room for the file', advice: 'free space and run it again' },
  EDQUOT: { found: 'a used-up disk quota', expected: 'room for the file', advice: 'free space and run it again' },
  EFBIG: { found: 'a file too large for this file system', expected: 'room for the file' },
  ENAMETOOLONG: { found: 'a name that is too long', expected: 'a shorter path' },
  ELOOP: { found: 'links that lead in a circle', expected: 'a path that ends in a file' },
  EMFILE: { found: 'too many open files', expected: 'a free file handle', advice: 'raise the limit (ulimit -n)' },
  EIO: { found: 'a failing disk', expected: 'a readable and writable file' },
};

/** Wraps an error of `node:fs` about `path`; other errors (ours among them) are returned as they are. */
export function fileProblem(path: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error && 'syscall' in error ? String(error.code) : undefined;
  if (code === undefined) return error;
  const problem = problems[code] ?? { found: `the system error ${code}`, expected: 'a usable file' };
  return badData(path, problem.found, problem.expected, problem.advice, error) satisfies AntidoteError;
}
