/** @file Where what can be computed again is kept from run to run: the user's cache. */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/**
 * A folder below `neural-antidote` in the cache of the user whose environment this is: XDG_CACHE_HOME, if that is an
 * absolute path as its specification demands, or ~/.cache, on every system.
 */
export function cacheFolder({ XDG_CACHE_HOME: base }: NodeJS.ProcessEnv, ...below: readonly string[]): string {
  return join(base && isAbsolute(base) ? base : join(homedir(), '.cache'), 'neural-antidote', ...below);
}
