/** @file What keeps whoever computes from computing any cell, as against what is wrong with one of them. */
import { AntidoteError, type ErrorDetails } from '../../errors.ts';
import { fileProblem } from '../../tensor/files/file-problem.ts';

/** Says nothing about the cell, which is left to others: whoever was computing it cannot go on, and ends. */
export class Unable extends AntidoteError {}

/**
 * This machine does not have what the cell is made of: models, pictures or code that are missing, or that differ from
 * those that the bench was planned with. Another machine may have them.
 */
export class OtherMaterials extends Unable {}

/** A disk that is full, broken or not to be written, or a limit of what a process may hold. */
export class UnusableDisk extends Unable {}

/** The engine has ended. The cell may be what ended it, so it counts as a process that did not survive the cell. */
export class DeadEngine extends Unable {}

/** System errors that tell of the machine, whatever file they are about. */
const ofTheMachine: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM']);

export function tellsOfTheMachine(thrown: unknown): boolean {
  const code = systemCode(thrown);
  return code !== undefined && ofTheMachine.has(code);
}

/** Throws on, as the disk's, what the system says of a file of one's own: in a store, a cache, a temporary folder. */
export function blameDisk(thrown: unknown): never {
  if (systemCode(thrown) === undefined) throw thrown;
  const path = (thrown as NodeJS.ErrnoException).path ?? 'a file';
  throw new UnusableDisk(detailsOf(fileProblem(path, thrown) as AntidoteError));
}

/** Throws on what keeps materials from being opened. The bench has opened them, or else there would be no such cell. */
export function blameMaterials(thrown: unknown): never {
  if (tellsOfTheMachine(thrown)) blameDisk(thrown);
  throw thrown instanceof AntidoteError ? new OtherMaterials(detailsOf(thrown)) : thrown;
}

/** What the system said, where it is behind an error. */
function systemCode(thrown: unknown): string | undefined {
  const error = thrown instanceof AntidoteError ? thrown.cause : thrown;
  return error instanceof Error && 'code' in error && 'syscall' in error ? String(error.code) : undefined;
}

function detailsOf({ fault, where, found, expected, advice, cause }: AntidoteError): ErrorDetails {
  return { fault, where, found, expected, ...(advice !== undefined && { advice }), cause };
}
