/** @file Where embeddings are kept for later runs: a folder of the user's, shared by all runs on this machine. */
import { access, constants, mkdir } from 'node:fs/promises';
import { cpus } from 'node:os';
import { openFeatureCache } from '../runs/feature-cache.ts';
import type { FeatureStore } from '../runs/recorder.ts';
import { removeAbandoned } from '../sweep/clean-up.ts';
import { codeHash } from '../sweep/code-hash.ts';
import { cacheFolder } from '../tensor/files/cache-folder.ts';
import { fileProblem } from '../tensor/files/file-problem.ts';
import type { EngineFlags } from './flags.ts';

/**
 * Opens `features` in the user's cache; undefined, with a note, where it cannot be written: runs then keep what they need in their own directory.
 * The numbers are the same either way, bit for bit, so all that may change a bit is part of what they are found by.
 */
export async function openFeatureFolder(
  env: NodeJS.ProcessEnv,
  { device, threads }: EngineFlags,
  note: (line: string) => void,
): Promise<FeatureStore | undefined> {
  const directory = cacheFolder(env, 'features');
  const unkept = (problem: unknown) => note(`embeddings are not kept for other runs: ${saying(problem)}`);
  try {
    await mkdir(directory, { recursive: true });
    await access(directory, constants.W_OK);
  } catch (error) {
    unkept(fileProblem(directory, error));
    return undefined;
  }
  await removeAbandoned([directory], Date.now());
  const basis = {
    code: await codeHash(),
    node: process.version,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    device,
    threads: String(threads),
  };
  let told = false;
  return openFeatureCache(directory, basis, (problem) => {
    if (!told) unkept(problem);
    told = true;
  });
}

function saying(problem: unknown): string {
  return problem instanceof Error ? problem.message : String(problem);
}
