/** @file The user's folder of embeddings for later runs, shared by all runs on this machine. */
import { access, constants, mkdir } from 'node:fs/promises';
import { cpus } from 'node:os';
import { openFeatureCache } from '../runs/feature-cache.ts';
import type { FeatureStore } from '../runs/recorder.ts';
import { codeHash } from '../sweep/code-hash.ts';
import { removeStaleFiles } from '../sweep/stale-files.ts';
import { cacheFolder } from '../tensor/files/cache-folder.ts';
import { fileProblem } from '../tensor/files/file-problem.ts';
import type { EngineFlags } from './flags.ts';

/**
 * Opens `features` in the user's cache; undefined, with a note, where it cannot be written: runs then keep what they need
 * in their own directory. Everything that may change one bit of an embedding is part of its key.
 */
export async function openFeatureFolder(
  env: NodeJS.ProcessEnv,
  { device, threads }: EngineFlags,
  note: (line: string) => void,
): Promise<FeatureStore | undefined> {
  const directory = cacheFolder(env, 'features');
  const noteUnwritten = (problem: unknown) => note(`embeddings are not kept for other runs: ${messageOf(problem)}`);
  try {
    await mkdir(directory, { recursive: true });
    await access(directory, constants.W_OK);
  } catch (error) {
    noteUnwritten(fileProblem(directory, error));
    return undefined;
  }
  await removeStaleFiles([directory], Date.now());
  const basis = {
    code: await codeHash(),
    node: process.version,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    device,
    threads: String(threads),
  };
  let noted = false;
  return openFeatureCache(directory, basis, (problem) => {
    if (!noted) noteUnwritten(problem);
    noted = true;
  });
}

function messageOf(problem: unknown): string {
  return problem instanceof Error ? problem.message : String(problem);
}
