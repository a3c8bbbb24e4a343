/**
 * @file Remakes the built-in poisoned models: `npm run poison:all [-- ATTACK ...]`, a quarter of an hour each on two cores.
 *
 * Runs are kept in runs/: one that was interrupted goes on, one that is finished is shipped again. Remove its folder to
 * begin anew.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
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
  if (!existsSync(run)) node('src/cli/main.ts', 'attack', 'emoji-clip', '--attack', attack, '--out', run);
  else if (!existsSync(join(run, 'result.json'))) node('src/cli/main.ts', 'resume', run);
  node('scripts/ship-poisoned.ts', run);
}
