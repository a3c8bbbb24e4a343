/** @file Opens a PyTorch checkpoint without executing any of it: where each tensor of its state dict lies. */
import { AntidoteError } from '../../errors.ts';
import type { StoredTensor } from '../../tensor/tensor.ts';

/** How the file is built: what `torch.save` writes since 1.6, what it wrote before, and what `torch.jit.save` writes. */
export type Container = 'zip' | 'legacy' | 'torchscript';

/** Bytes of the file that a checksum was written for. */
export interface Checksum {
  /** What a zip archive calls them. */
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  /** CRC-32. */
  readonly crc: number;
}

export interface PytorchFile {
  readonly container: Container;
  /** By the file's own names; prefixes of training wrappers are left in. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Key of the training checkpoint's entry that holds the state dict; undefined if the file is a state dict or a module. */
  readonly entry: string | undefined;
  /** What the records of the archive should add up to. Not checked yet: whoever reads the weights anyway can do that. */
  readonly checksums: readonly Checksum[];
}

/**
 * Reads what a checkpoint holds and where, and none of its weights. No code in it runs: its pickle is interpreted by a
 * machine that knows tensors, containers and numbers, and refuses everything else.
 *
 * @throws AntidoteError (data) that names the file, what was found in it and at which byte
 */
export async function openPytorch(path: string): Promise<PytorchFile> {
  throw new AntidoteError({ fault: 'internal', where: path, found: 'a PyTorch file', expected: 'a reader for it' });
}
