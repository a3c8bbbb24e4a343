/** @file Remakes the built-in poisoned models with `antidote attack`: `npm run poison:emoji [-- ATTACK ...]`. */
import { spawnSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { builtInModels } from '../src/checkpoints/built-in.ts';

const chosen = process.argv.slice(2);
const builtIn = builtInModels.flatMap((name) => name.split(':').slice(1));

function node(...command: readonly string[]): void {
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', ...command], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

for (const attack of chosen.length > 0 ? chosen : builtIn) {
  const run = join('runs', `poison-${attack}`);
  await rm(run, { recursive: true, force: true });
  node('src/cli/main.ts', 'attack', 'emoji-clip', '--attack', attack, '--out', run);
  node('scripts/ship-poisoned.ts', run);
}
