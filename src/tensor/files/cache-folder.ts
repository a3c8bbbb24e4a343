/** @file The user's cache folder, for data that can be computed again. */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/**
 * A folder below `neural-antidote` in the user's cache: XDG_CACHE_HOME of the given environment, if it is an absolute
 * path as its specification demands, else ~/.cache, on every system.
 */
export function cacheFolder({ XDG_CACHE_HOME: base }: NodeJS.ProcessEnv, ...below: readonly string[]): string {
  return join(base && isAbsolute(base) ? base : join(homedir(), '.cache'), 'neural-antidote', ...below);
}
