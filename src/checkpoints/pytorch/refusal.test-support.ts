/** @file Expects that the reader of PyTorch's files refuses a file, with a given message and within a time limit. */
import { expect } from 'vitest';
import { AntidoteError } from '../../errors.ts';
import { entriesOf, pickleOf, savingIn, zipOf } from './archive.test-support.ts';
import { openPytorch } from './open-pytorch.ts';

interface Refusals {
  /** For an archive with this pickle; bare opcodes get a frame. */
  refusal(pickle: Buffer | string, storages?: Record<string, Buffer>): Promise<string>;
  /** For a whole file. */
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
    // Processor time in microseconds, as the machine may be busy.
    expect(user + system).toBeLessThan(2e6);
    return error.message.replaceAll(path, 'FILE');
  }

  return {
    refusalOf,
    refusal: (pickle, storages) =>
      refusalOf(zipOf(entriesOf(typeof pickle === 'string' ? pickleOf(pickle) : pickle, storages))),
  };
}
