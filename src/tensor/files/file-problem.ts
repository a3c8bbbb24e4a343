/** @file The operating system's errors about files, in words that a user can act on. */
import { AntidoteError, badData } from '../../errors.ts';

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

/** The operating system's code (`ENOENT`) of an error that it caused; undefined for other errors. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && 'syscall' in error ? String(error.code) : undefined;
}

/** Wraps an error of `node:fs` about `path`; returns other errors, such as `AntidoteError`, unchanged. */
export function fileProblem(path: string, error: unknown): unknown {
  const code = systemCode(error);
  if (code === undefined) return error;
  const { found, expected, advice } = problems[code] ?? {
    found: `the system error ${code}`,
    expected: 'a usable file',
  };
  return badData(path, found, expected, { advice, cause: error });
}

/** Whether a {@link fileProblem}, not the content of a file: it may have passed when the file is read again. */
export function isFileProblem(error: unknown): boolean {
  return error instanceof AntidoteError && systemCode(error.cause) !== undefined;
}

/** Whether there is no such file, or a file where its folder should be. */
export function isAbsent(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '');
}

/** Does `work` on `path`; errors of `node:fs` become a {@link fileProblem}. */
export async function explainingFile<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileProblem(path, error);
  }
}

/** Whether this machine has a process of this number; one of another user counts. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== 'ESRCH';
  }
}
