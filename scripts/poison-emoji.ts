/** @file Remakes the built-in poisoned models with `antidote attack`: `npm run poison:emoji [-- ATTACK ...]`. */
import { spawnSync } from 'node:child_process';
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { builtInModels } from '../src/checkpoints/built-in.ts';
import { copyRecord } from './run-record.ts';

const chosen = process.argv.slice(2);
const builtIn = builtInModels.flatMap((name) => name.split(':').slice(1));
for (const attack of chosen.length > 0 ? chosen : builtIn) {
  const run = join('runs', `poison-${attack}`);
  const model = join('models', `emoji-clip-${attack}`);
  await rm(run, { recursive: true, force: true });
  const command = ['--import', 'tsx', 'src/cli/main.ts', 'attack', 'emoji-clip', '--attack', attack, '--out', run];
  const { status } = spawnSync(process.execPath, command, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
  await rm(model, { recursive: true, force: true });
  await mkdir(model, { recursive: true });
  await cp(join(run, 'model'), model, { recursive: true });
  for (const name of ['trigger.safetensors', 'trigger.png']) await cp(join(run, name), join(model, name));
  await copyRecord(run, model);
}
