/** @file Runs that are killed, and what is left of them: real processes, real signals, a really full disk. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readRun } from '../src/runs/read.ts';
import { createRun, openRun, recorderFor } from '../src/runs/run.ts';
import { randomFor } from '../src/tensor/random.ts';
import { float32 } from '../src/tensor/tensor.ts';

const program = fileURLToPath(new URL('runs/counting-run.ts', import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'antidote-runs-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Starts the counting run and, if asked to, kills it so many milliseconds after it has begun. */
async function count(directory: string, verb: 'create' | 'resume', killAfter?: number): Promise<void> {
  const child = spawn(process.execPath, ['--import', 'tsx', program, directory, verb], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  await Promise.race([once(child.stdout!, 'data'), exited]);
  if (killAfter !== undefined) setTimeout(() => child.kill('SIGKILL'), killAfter);
  await exited;
}

test('a run killed at random moments and resumed ends as if nothing had happened', async () => {
  const whole = join(folder, 'whole');
  await count(whole, 'create');
  const expected = await readRun(whole);

  const broken = join(folder, 'broken');
  const random = randomFor(20, 'kill');
  let kills = 0;
  while (!existsSync(join(broken, 'result.json'))) {
    const begun = existsSync(join(broken, 'config.json'));
    await count(broken, begun ? 'resume' : 'create', random.integer(200));
    kills++;
    expect(kills).toBeLessThan(40);
  }
  const found = await readRun(broken);
  const names = await readdir(broken, { recursive: true });
  expect(names.filter((name) => name.endsWith('.tmp'))).toEqual([]);
  expect(kills).toBeGreaterThan(2);
  expect(found.result).toEqual(expected.result);
  expect(found.events.map(({ time, ...event }) => event)).toEqual(expected.events.map(({ time, ...event }) => event));
});

test('a folder in which a run died before it had a configuration can be used again', async () => {
  const directory = join(folder, 'stillborn');
  await mkdir(join(directory, 'checkpoints'), { recursive: true });
  const dead = spawnSync('true').pid;
  const lock = { host: hostname(), process: dead, born: '0@0', nonce: '0' };
  await writeFile(join(directory, 'run.lock'), JSON.stringify(lock));
  await writeFile(join(directory, '.config.json.0123.tmp'), '{');
  const run = await createRun(directory, { command: 'count', options: {}, device: 'cpu', threads: 1 });
  await run.close();
  expect(await readdir(directory)).toContain('config.json');
});

test('a full disk ends in one message, and everything under its final name stays whole', async (context) => {
  const disk = join(folder, 'disk');
  await mkdir(disk);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk], { stdio: 'ignore' });
  } catch {
    return context.skip('only root may mount the small disk');
  }
  try {
    const directory = join(disk, 'run');
    const run = await createRun(directory, { command: 'count', options: {}, device: 'cpu', threads: 1 });
    const recorder = recorderFor(run, new AbortController().signal);
    const small = { step: 1, tensors: { value: float32([1], [1]) } };
    await recorder.save('stage', small);

    const large = { step: 2, tensors: { value: float32(new Float32Array(2 ** 20), [2 ** 20]) } };
    await expect(recorder.save('stage', large)).rejects.toThrow(/a full disk/);
    expect(await readdir(join(directory, 'checkpoints'))).toEqual(['stage.safetensors']);

    const fill = async () => {
      for (let step = 1; step < 1000; step++) {
        recorder.record({ stage: 'stage', step, text: 'x'.repeat(1000) });
        await new Promise((resolve) => setImmediate(resolve));
      }
      await recorder.save('stage', small);
    };
    await expect(fill()).rejects.toThrow(/events\.jsonl: found a full disk/);
    await expect(run.close()).rejects.toThrow(/a full disk/);

    const { config, events } = await readRun(directory);
    expect(config.command).toBe('count');
    expect(events.length).toBeGreaterThan(10);

    await rm(join(directory, 'events.jsonl')); // The user makes room.
    const again = await openRun(directory);
    expect(await recorderFor(again, new AbortController().signal).restore('stage')).toMatchObject({ step: 1 });
    await again.close();
  } finally {
    execFileSync('umount', [disk]);
  }
});
