/** @file A cache folder for the tests alone: none of them sees what the user, or an earlier test run, has computed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export async function setup(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'antidote-cache-'));
  process.env.XDG_CACHE_HOME = folder;
  return () => rm(folder, { recursive: true, force: true });
}
