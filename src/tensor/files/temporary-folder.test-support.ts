/** @file A folder for the tests of one file. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

/** Made before the first test and removed after the last one; returns how to get its path. */
export function temporaryFolder(): () => string {
  let path: string;
  beforeAll(async () => {
    path = await mkdtemp(join(tmpdir(), 'antidote-test-'));
  });
  afterAll(() => rm(path, { recursive: true, force: true }));
  return () => path;
}
