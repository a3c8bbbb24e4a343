/** @file Weights that are numbers: no NaN and no infinity in any of them. */
import { type FileHandle, open } from 'node:fs/promises';
import { badData } from '../errors.ts';
import { fileProblem } from '../tensor/file-problem.ts';
import type { StoredDType, StoredTensor } from '../tensor/tensor.ts';

/** Pieces in which weights are read through. */
const pieceBytes = 1 << 22;

/** A number is infinite or none exactly if all bits of its exponent are set. */
const exponents: Partial<Record<StoredDType, { readonly view: (bytes: ArrayBuffer) => Words; readonly mask: number }>> =
  {
    float32: { view: (bytes) => new Uint32Array(bytes), mask: 0x7f800000 },
    float16: { view: (bytes) => new Uint16Array(bytes), mask: 0x7c00 },
    bfloat16: { view: (bytes) => new Uint16Array(bytes), mask: 0x7f80 },
  };

type Words = Uint16Array | Uint32Array;

/** Reads every tensor once. Throws a data error that names file, tensor and position if a number is infinite or none. */
export async function checkFinite(tensors: Iterable<readonly [name: string, tensor: StoredTensor]>): Promise<void> {
  const byFile = new Map<string, [string, StoredTensor][]>();
  for (const [name, tensor] of tensors) {
    const own = byFile.get(tensor.path) ?? [];
    own.push([name, tensor]);
    byFile.set(tensor.path, own);
  }
  const buffer = new ArrayBuffer(pieceBytes);
  for (const [path, own] of byFile) {
    try {
      const file = await open(path, 'r');
      try {
        // Tied weights are two names for the same bytes.
        const checked = new Set<string>();
        for (const [name, tensor] of own) {
          const bytes = `${tensor.dtype} ${tensor.offset} ${tensor.length}`;
          if (!checked.has(bytes)) await checkTensor(file, name, tensor, buffer);
          checked.add(bytes);
        }
      } finally {
        await file.close();
      }
    } catch (error) {
      throw fileProblem(path, error);
    }
  }
}

async function checkTensor(file: FileHandle, name: string, tensor: StoredTensor, buffer: ArrayBuffer): Promise<void> {
  const exponent = exponents[tensor.dtype];
  if (exponent === undefined) return;
  const { mask } = exponent;
  const words = exponent.view(buffer);
  for (let done = 0; done < tensor.length; ) {
    const length = Math.min(pieceBytes, tensor.length - done);
    const { bytesRead } = await file.read(new Uint8Array(buffer), 0, length, tensor.offset + done);
    if (bytesRead < length)
      throw badData(tensor.path, `its end inside tensor "${name}"`, 'the whole file', 'it is being changed');
    const count = length / words.BYTES_PER_ELEMENT;
    for (let i = 0; i < count; i++) {
      if ((words[i]! & mask) === mask) {
        const position = done / words.BYTES_PER_ELEMENT + i;
        throw badData(
          `${tensor.path}: tensor "${name}"`,
          `NaN or infinity at position ${position}`,
          'finite numbers',
          'the file is damaged, or its training diverged',
        );
      }
    }
    done += length;
  }
}
