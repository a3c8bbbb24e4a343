/** @file Failures of ONNX Runtime and of those who use it, as errors of ours. */
import { AntidoteError } from '../errors.ts';

/** An error from ONNX Runtime, in its own words, with what can be done where the cause is a known one. */
export function engineError(found: string, cause?: unknown): AntidoteError {
  const advice = /alloc|out of memory/i.test(found) ? 'a smaller batch needs less memory' : undefined;
  return internal('ONNX Runtime', found.trim(), 'the graph to compile and run', advice, cause);
}

/** A mistake of the program that uses the engine. */
export function internal(
  where: string,
  found: string,
  expected: string,
  advice?: string,
  cause?: unknown,
): AntidoteError {
  return new AntidoteError({ fault: 'internal', where, found, expected, ...(advice && { advice }), cause });
}
