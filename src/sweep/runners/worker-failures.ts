/** @file Failures of a process or a machine, which keep it from computing any cell, as against failures of one cell. */
import { AntidoteError, type ErrorDetails } from '../../errors.ts';
import { fileProblem, systemCode } from '../../tensor/files/file-problem.ts';

/** Says nothing about the cell, which is left to other workers: the worker that throws this cannot go on, and ends. */
export class WorkerFailure extends AntidoteError {}

/**
 * This machine does not have what the cell is made of: models, pictures or code are missing, or differ from those that
 * the bench was planned with. Another machine may have them.
 */
export class OtherMaterials extends WorkerFailure {}

/** A disk that is full, broken or not to be written, or a limit of what a process may hold. */
export class UnusableDisk extends WorkerFailure {}

/** The engine has ended. The cell may have ended it, so it counts as a process that did not survive the cell. */
export class DeadEngine extends WorkerFailure {}

/** System errors that concern the machine, whatever file they name. */
const machineCodes: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM']);

export function isMachineFailure(thrown: unknown): boolean {
  const code = systemCodeBehind(thrown);
  return code !== undefined && machineCodes.has(code);
}

/** Rethrows a system error about a file of the program's own (store, cache, temporary folder) as a failure of the disk. */
export function blameDisk(thrown: unknown): never {
  if (systemCodeBehind(thrown) === undefined) throw thrown;
  const path = (thrown as NodeJS.ErrnoException).path ?? 'a file';
  throw new UnusableDisk(detailsOf(fileProblem(path, thrown) as AntidoteError));
}

/** Rethrows an error of opening materials. The bench has opened them, or there would be no such cell. */
export function blameMaterials(thrown: unknown): never {
  if (isMachineFailure(thrown)) blameDisk(thrown);
  throw thrown instanceof AntidoteError ? new OtherMaterials(detailsOf(thrown)) : thrown;
}

/** The code of the system error that was thrown, or that caused the error that was thrown. */
function systemCodeBehind(thrown: unknown): string | undefined {
  return systemCode(thrown instanceof AntidoteError ? thrown.cause : thrown);
}

function detailsOf({ fault, where, found, expected, advice, cause }: AntidoteError): ErrorDetails {
  return { fault, where, found, expected, ...(advice !== undefined && { advice }), cause };
}
