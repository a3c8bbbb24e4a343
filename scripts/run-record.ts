/** @file Puts a run's record beside the model that it made, so that a shipped model tells where it comes from. */
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Configuration, events and result, without checkpoints. Its page is drawn from them: `antidote report MODEL/run`. */
const record = ['config.json', 'events.jsonl', 'result.json'];

export async function copyRecord(run: string, model: string): Promise<void> {
  const folder = join(model, 'run');
  await mkdir(folder, { recursive: true });
  for (const name of record) await cp(join(run, name), join(folder, name));
}
