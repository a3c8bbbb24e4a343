/**
 * @file Makes a built-in model of the runs that poisoned it: `npx tsx scripts/ship-poisoned.ts RUN...`.
 *
 * What is shipped is the delta from the clean model, trigger and record beside it. The delta rounds: so what it gives is
 * measured again, on all classes, and that measurement is shipped as run/shipped.json.
 */
import { spawnSync } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { builtInFolder } from '../src/checkpoints/built-in.ts';
import { writeDelta } from '../src/checkpoints/delta/encode.ts';
import { deltaFile } from '../src/checkpoints/delta/format.ts';
import { writeFileAtomically } from '../src/tensor/files/atomic-file.ts';
import { copyRecord } from './run-record.ts';

const base = 'emoji-clip';
const weightsOf = (folder: string) => join(folder, 'open_clip_model.safetensors');

for (const run of process.argv.slice(2)) {
  const { options, inputs } = JSON.parse(await readFile(join(run, 'config.json'), 'utf8'));
  if (inputs.model.name !== base) throw new Error(`${run}: found ${inputs.model.name} poisoned, expected ${base}`);
  const model = join('models', `${base}-${options.attack}`);
  await rm(model, { recursive: true, force: true });
  await mkdir(model, { recursive: true });
  await cp(join(run, 'model', 'open_clip_config.json'), join(model, 'open_clip_config.json'));
  for (const name of await readdir(run)) {
    if (/trigger\.(safetensors|png)$/.test(name)) await cp(join(run, name), join(model, name));
  }
  await copyRecord(run, model);
  const clean = { name: base, weights: weightsOf(builtInFolder(base)!) };
  const { sha256, bytes } = await writeDelta(join(model, deltaFile), clean, weightsOf(join(run, 'model')));
  await writeFileAtomically(join(model, 'run', 'shipped.json'), await measured(run, model, sha256));
  console.log(`${model}: ${(bytes / 1e6).toFixed(1)} MB, weights ${sha256}`);
}

/** CA, ASR and RA of the model as it is shipped, as the JSON of `antidote evaluate`. */
async function measured(run: string, model: string, sha256: string): Promise<string> {
  const out = join(run, 'shipped');
  await rm(out, { recursive: true, force: true });
  const flags = [
    '--data',
    'emoji:test',
    '--classes',
    'emoji',
    '--trigger',
    join(model, 'trigger.safetensors'),
    '--json',
  ];
  const command = ['--import', 'tsx', 'src/cli/main.ts', 'evaluate', model, '--out', out, ...flags];
  const { status, stdout } = spawnSync(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] });
  if (status !== 0) process.exit(status ?? 1);
  const { classes, undefended } = JSON.parse(stdout.toString());
  return `${JSON.stringify({ sha256, classes, ...undefended }, null, 2)}\n`;
}
