/** @file What the reader of PyTorch's files says of a file that it refuses, and that it says so soon. */
import { expect } from 'vitest';
import { AntidoteError } from '../../errors.ts';
import { entriesOf, pickleOf, savingIn, zipOf } from './archive.test-support.ts';
import { openPytorch } from './open-pytorch.ts';

interface Refusals {
  /** Of an archive with this pickle; bare opcodes get a frame. */
  refusal(pickle: Buffer | string, storages?: Record<string, Buffer>): Promise<string>;
  /** Of a whole file. */
  refusalOf(bytes: Buffer): Promise<string>;
}

/** Messages have FILE for the file's path. */
export function refusalsIn(folder: () => string): Refusals {
  const saved = savingIn(folder);

  async function refusalOf(bytes: Buffer): Promise<string> {
    const path = await saved(bytes);
    const began = process.cpuUsage();
    const error = await openPytorch(path).then(
      (file) => new Error(`read as ${JSON.stringify([...file.tensors])}`),
      (error: unknown) => error,
    );
    const { user, system } = process.cpuUsage(began);
    if (!(error instanceof AntidoteError)) throw new Error(`expected a refusal, found ${error}`);
    expect(error.fault).toBe('data');
    // Of the processor, in microseconds: the machine may be busy with something else.
    expect(user + system).toBeLessThan(2e6);
    return error.message.replaceAll(path, 'FILE');
  }

  return {
    refusalOf,
    refusal: (pickle, storages) =>
      refusalOf(zipOf(entriesOf(typeof pickle === 'string' ? pickleOf(pickle) : pickle, storages))),
  };
}
