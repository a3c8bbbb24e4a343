import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { attacks } from '../../attacks/attacks.ts';
import type { Engine } from '../../engine/engine.ts';
import { openEngine } from '../../engine/ort-engine.ts';
import { createRun, recorderFor } from '../../runs/run.ts';
import { temporaryFolder } from '../../tensor/files/temporary-folder.test-support.ts';
import { createTerminal } from '../terminal.ts';
import { type AttackOptions, attackJob } from './attack.ts';

const folder = temporaryFolder();
const terminal = createTerminal({
  write: () => {},
  interactive: false,
  quiet: true,
  columns: () => 80,
  now: () => 0,
  every: () => () => {},
});
let engine: Engine;
beforeAll(async () => {
  engine = await openEngine({ device: 'cpu', threads: 1 });
});
afterAll(() => engine.close());

test.each<[string, Pick<AttackOptions, 'attack' | 'target'> & Partial<AttackOptions>, RegExp]>([
  [
    'a misspelt target of a trigger that takes minutes',
    { attack: 'ssba', target: 'bananna' },
    /--target: found "bananna"/,
  ],
  ['one class for two backdoors', { attack: 'two-targets', target: 'pizza' }, /"pizza", expected another class/],
  ['two shares that are more than all', { attack: 'two-targets', target: 'dog', share: 0.6 }, /--share: found 0.6/],
])('%s is refused before anything is computed, and leaves no folder behind', async (_, given, message) => {
  const options = { model: 'emoji-clip', ...attacks[given.attack].poisoning, batch: 128, seed: 0, ...given };
  const directory = join(folder(), 'run');
  const run = await createRun(directory, { command: 'attack', options, device: 'cpu', threads: 1 });
  const recorder = recorderFor(run, new AbortController().signal);
  await expect(attackJob.perform(options, { engine, run, recorder, terminal })).rejects.toThrow(message);
  expect(await run.abandon()).toBe(false);
  expect(existsSync(directory)).toBe(false);
});
