import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { float32, int64 } from '../tensor/tensor.ts';
import type { RunRequest } from './config.ts';
import { workedSeconds } from './events.ts';
import { readRun } from './read.ts';
import { createRun, openRun, PinnedInputError, recorderFor } from './run.ts';

const request: RunRequest = {
  command: 'purify',
  options: { shots: 16, classes: ['a', 'b'] },
  device: 'cpu',
  threads: 2,
};
const never = new AbortController().signal;
const hash = (digit: string) => digit.repeat(64);

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'antidote-run-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('a run directory holds the request, the versions and the machine', async () => {
  const run = await createRun(join(directory, 'deep', 'run'), request);
  await run.pin('model', { name: 'emoji-clip', sha256: hash('a') });
  await run.close();
  const { config, result, events } = await readRun(join(directory, 'deep', 'run'));
  expect(config).toMatchObject({ ...request, inputs: { model: { name: 'emoji-clip', sha256: hash('a') } } });
  expect(config.versions.node).toBe(process.versions.node);
  expect(config.versions.onnxruntime).toMatch(/^\d+\.\d+/);
  expect(result).toBeUndefined();
  expect(events).toEqual([]);
});

test('events, checkpoints and the result come back as they were written', async () => {
  const run = await createRun(directory, request);
  const recorder = recorderFor(run, never);
  recorder.record({ stage: 'tuning', step: 1, steps: 2, loss: 0.5, classes: ['x', 'y'] });
  recorder.record({ stage: 'tuning', step: 2, steps: 2, loss: 0.25 });
  const tensors = { prompts: float32([1, 2, 3, 4], [2, 2]), labels: int64([7], [1]) };
  await recorder.save('tuning', { step: 2, tensors });
  await run.finish({ purified: { asr: 0.1 } });
  await run.close();

  const again = await openRun(directory);
  expect(again.result).toEqual({ purified: { asr: 0.1 } });
  expect(await recorderFor(again, never).restore('tuning')).toEqual({ step: 2, tensors });
  expect(await recorderFor(again, never).restore('inversion')).toBeUndefined();
  await again.close();
  expect((await readRun(directory)).events).toMatchObject([
    { step: 1, classes: ['x', 'y'] },
    { step: 2, loss: 0.25 },
  ]);
  expect(await readdir(directory)).toEqual(['checkpoints', 'config.json', 'events.jsonl', 'result.json']);
});

test('a new run does not restore: a stage name that is used twice starts twice', async () => {
  const run = await createRun(directory, request);
  const recorder = recorderFor(run, never);
  await recorder.save('stage', { step: 3, tensors: {} });
  expect(await recorder.restore('stage')).toBeUndefined();
  await run.close();
});

test('a run does not start in the directory of another run, and the error offers resume', async () => {
  await (await createRun(directory, request)).close();
  await expect(createRun(directory, request)).rejects.toThrow(/an earlier run.*antidote resume/);
  await expect(createRun(directory, request)).rejects.toMatchObject({ fault: 'usage', where: directory });
});

test('a run starts in an empty folder', async () => {
  const made = await mkdtemp(join(directory, 'made-'));
  await (await createRun(made, request)).close();
  expect(await readdir(made)).toEqual(['checkpoints', 'config.json', 'events.jsonl']);
});

test('an abandoned run is deleted if it had recorded nothing, and kept otherwise', async () => {
  const out = join(directory, 'out');
  await (await createRun(out, request)).abandon();
  expect(await readdir(directory)).toEqual([]);

  const told = await createRun(out, request);
  told.events.append({ stage: 'a' });
  await told.abandon();
  expect(await readdir(out)).toEqual(['checkpoints', 'config.json', 'events.jsonl']);
  await (await openRun(out)).abandon();
  expect((await readRun(out)).events.length).toBe(1);

  await rm(out, { recursive: true });
  const saved = await createRun(out, request);
  await recorderFor(saved, never).save('a', { step: 1, tensors: {} });
  await saved.abandon();
  expect(await readdir(join(out, 'checkpoints'))).toEqual(['a.safetensors']);
});

test('an abandoned run that has only downloaded is deleted: downloads are kept elsewhere', async () => {
  const out = join(directory, 'out');
  const slow = await createRun(out, request);
  slow.events.append({ stage: 'download', step: 100, steps: 1000, unit: 'bytes' });
  expect(await slow.abandon()).toBe(false);
  expect(await readdir(directory)).toEqual([]);
});

test('an abandoned run whose input has to change is deleted with its checkpoints, unless it has finished something', async () => {
  const out = join(directory, 'out');
  const broken = new PinnedInputError({
    fault: 'data',
    where: 'a.png',
    found: 'a broken picture',
    expected: 'a whole one',
  });
  const told = await createRun(out, request);
  told.events.append({ stage: 'a' });
  expect(await told.abandon(broken)).toBe(false);
  expect(await readdir(directory)).toEqual([]);

  const saved = await createRun(out, request);
  await recorderFor(saved, never).save('a', { step: 1, tensors: {} });
  expect(await saved.abandon(broken)).toBe(false);
  expect(await readdir(directory)).toEqual([]);

  const finished = await createRun(out, request);
  await writeFile(join(out, 'head.safetensors'), '');
  expect(await finished.abandon(broken)).toBe(true);
  expect(await readdir(out)).toContain('head.safetensors');
});

test('abandoning a run whose folder is gone, or cannot be cleaned up, throws nothing', async () => {
  const out = join(directory, 'out');
  const gone = await createRun(out, request);
  await rm(out, { recursive: true });
  expect(await gone.abandon()).toBe(false);

  const odd = await createRun(out, request);
  await rm(join(out, 'checkpoints'), { recursive: true });
  await writeFile(join(out, 'checkpoints'), 'a file where the folder should be');
  expect(await odd.abandon()).toBe(true);
  expect(await readdir(out)).not.toContain('run.lock');
});

test('a run does not start in a folder with other files, which stay untouched', async () => {
  await writeFile(join(directory, 'thesis.tex'), 'x');
  await expect(createRun(directory, request)).rejects.toThrow(/1 other file in it, expected a new or empty folder/);
  expect(await readdir(directory)).toEqual(['thesis.tex']);
});

test.each(['notes.tmp', 'checkpoints/epoch-1.pt', 'checkpoints'])(
  'a run does not start beside a %s of somebody else, which stays untouched',
  async (name) => {
    const path = join(directory, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, 'x');
    await expect(createRun(directory, request)).rejects.toThrow(/1 other file in it, expected a new or empty folder/);
    expect(await readFile(path, 'utf8')).toBe('x');
  },
);

test('resuming removes the unfinished files of a killed process, and nothing that is like them', async () => {
  await (await createRun(directory, request)).close();
  await writeFile(join(directory, '.result.json.0123456789ab.tmp'), '{"as');
  await writeFile(join(directory, 'run.lock.0123456789abcdef.tmp'), '{"ho');
  await writeFile(join(directory, '.my-notes.tmp'), 'mine');
  await mkdir(join(directory, '.exported.0123456789ab.tmp'));
  await (await openRun(directory)).close();
  expect(await readdir(directory)).toEqual([
    '.exported.0123456789ab.tmp',
    '.my-notes.tmp',
    'checkpoints',
    'config.json',
    'events.jsonl',
  ]);
});

test('a checkpoint that cannot be looked for is an error, not a stage without one', async () => {
  await (await createRun(directory, request)).close();
  const run = await openRun(directory);
  await rm(join(directory, 'checkpoints'), { recursive: true });
  await symlink('checkpoints', join(directory, 'checkpoints'));
  await expect(recorderFor(run, never).restore('tune')).rejects.toThrow(
    /tune\.safetensors: found links that lead in a/,
  );
  await run.close();
});

test('a run starts where a process was killed before it had written the configuration, and leaves nothing of that either', async () => {
  const out = join(directory, 'out');
  await mkdir(join(out, 'checkpoints'), { recursive: true });
  await writeFile(join(out, '.config.json.0123456789ab.tmp'), '{"form');
  await writeFile(join(out, 'run.lock.0123456789abcdef.tmp'), '{"ho');
  const broken = new PinnedInputError({ fault: 'data', where: 'a.png', found: 'half of it', expected: 'all' });
  expect(await (await createRun(out, request)).abandon(broken)).toBe(false);
  expect(await readdir(directory)).toEqual([]);
});

test('a folder that cannot be made is named', async () => {
  await writeFile(join(directory, 'file'), 'x');
  await expect(createRun(join(directory, 'file'), request)).rejects.toThrow(
    /file: found a file, expected a new or empty folder/,
  );
  await expect(createRun(join(directory, 'file', 'run'), request)).rejects.toThrow(
    /file.*expected a path through folders/,
  );
});

test('a folder without a run is refused', async () => {
  await expect(openRun(directory)).rejects.toThrow(/no config.json in it, expected a run directory/);
  await expect(readRun(join(directory, 'nowhere'))).rejects.toMatchObject({ fault: 'data' });
});

test('a configuration that was changed by hand is refused with the key, the value and what was expected', async () => {
  await (await createRun(directory, request)).close();
  const path = join(directory, 'config.json');
  const config = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...config, threads: 'two' }));
  await expect(openRun(directory)).rejects.toThrow(/config\.json: threads: found "two", expected number/);
  await writeFile(path, '{"format": 1,');
  await expect(openRun(directory)).rejects.toThrow(/text that is not JSON/);
});

test('a run does not resume with another model', async () => {
  const run = await createRun(directory, request);
  await run.pin('model', { name: 'first', sha256: hash('a') });
  await run.close();
  const again = await openRun(directory);
  await again.pin('model', { name: 'renamed', sha256: hash('a') });
  await expect(again.pin('model', { name: 'second', sha256: hash('b') })).rejects.toThrow(/begun with/);
  await again.close();
});

test('a run that is being written cannot be opened by a second writer, but can be read', async () => {
  const run = await createRun(directory, request);
  await expect(openRun(directory)).rejects.toThrow(new RegExp(`process ${process.pid} is writing`));
  expect((await readRun(directory)).config.command).toBe('purify');
  await run.close();
  await (await openRun(directory)).close();
});

test('the lock of a dead process is taken over; one of another host is not', async () => {
  await (await createRun(directory, request)).close();
  const lock = { host: hostname(), process: process.pid, born: 'an earlier process of this number', nonce: '0' };
  await writeFile(join(directory, 'run.lock'), JSON.stringify(lock));
  await (await openRun(directory)).close();
  await writeFile(join(directory, 'run.lock'), JSON.stringify({ ...lock, host: 'elsewhere' }));
  await expect(openRun(directory)).rejects.toThrow(/on host elsewhere.*delete this file/);
});

test('of many processes that open the same run at once, one succeeds', async () => {
  await (await createRun(directory, request)).close();
  const stale = { host: hostname(), process: process.pid, born: 'earlier', nonce: '0' };
  await writeFile(join(directory, 'run.lock'), JSON.stringify(stale));
  const tries = await Promise.allSettled(Array.from({ length: 12 }, () => openRun(directory)));
  const held = tries.filter((attempt) => attempt.status === 'fulfilled');
  expect(held.length).toBe(1);
  await held[0]!.value.close();
  expect(await readdir(directory)).toEqual(['checkpoints', 'config.json', 'events.jsonl']);
});

test('an incomplete last line is ignored by readers, and cut off before more is written', async () => {
  const run = await createRun(directory, request);
  run.events.append({ stage: 'a', step: 1 });
  await run.close();
  const path = join(directory, 'events.jsonl');
  await writeFile(path, `${await readFile(path, 'utf8')}{"time":"2026-01-`);
  expect((await readRun(directory)).events).toMatchObject([{ stage: 'a', step: 1 }]);
  const again = await openRun(directory);
  again.events.append({ stage: 'b' });
  await again.close();
  expect((await readRun(directory)).events).toMatchObject([{ stage: 'a' }, { stage: 'b' }]);
});

test('a line that is no event is named by its number', async () => {
  const run = await createRun(directory, request);
  run.events.append({ stage: 'a' });
  await run.close();
  const path = join(directory, 'events.jsonl');
  await writeFile(path, `${await readFile(path, 'utf8')}nonsense\n`);
  await expect(readRun(directory)).rejects.toThrow(/events\.jsonl:2: found nonsense, expected an event/);
});

test('steps that are repeated after a kill appear once, in the order of the stage', async () => {
  const run = await createRun(directory, request);
  const recorder = recorderFor(run, never);
  for (let step = 1; step <= 5; step++) {
    recorder.record({ stage: 'a', step });
    if (step === 3) await recorder.save('a', { step, tensors: {} });
  }
  recorder.record({ stage: 'b', step: 9 });
  await run.close();
  const again = await openRun(directory);
  const second = recorderFor(again, never);
  expect((await second.restore('a'))?.step).toBe(3);
  for (let step = 4; step <= 6; step++) second.record({ stage: 'a', step });
  await again.close();
  const steps = (await readRun(directory)).events.filter(({ stage }) => stage === 'a').map(({ step }) => step);
  expect(steps).toEqual([1, 2, 3, 4, 5, 6]);
  expect((await readRun(directory)).events).toContainEqual(expect.objectContaining({ stage: 'b', step: 9 }));
});

test('a stage that counts the steps of several checkpoints continues its count, too', async () => {
  const run = await createRun(directory, request);
  for (const step of [1, 2, 3, 4]) recorderFor(run, never).record({ stage: 'race', step });
  await run.close();
  const again = await openRun(directory);
  const recorder = recorderFor(again, never);
  expect(await recorder.restore('race-round-2')).toBeUndefined();
  for (const step of [3, 4, 5]) recorder.record({ stage: 'race', step });
  await again.close();
  const { events, stages } = await readRun(directory);
  expect(events.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5]);
  expect(stages.map(({ name }) => name)).toEqual(['race']);
});

test('the seconds of a run are those that processes worked, not those between them', async () => {
  await (await createRun(directory, request)).close();
  const path = join(directory, 'events.jsonl');
  const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
  const lines = [
    { time: at(3), stage: 'a', step: 1 },
    { time: at(5), stage: 'a', step: 2 },
    { time: at(50), stage: 'run', resumed: true },
    { time: at(54), stage: 'a', step: 2 },
  ];
  await writeFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  expect(await workedSeconds(path, at(0))).toBe(9);
  const config = JSON.parse(await readFile(join(directory, 'config.json'), 'utf8'));
  await writeFile(join(directory, 'config.json'), JSON.stringify({ ...config, started: at(0) }));
  expect((await readRun(directory)).events.map(({ step }) => step)).toEqual([1, 2]);
  expect((await readRun(directory)).stages).toEqual([{ name: 'a', seconds: 9 }]);
  const again = await openRun(directory);
  expect(again.seconds()).toBeGreaterThanOrEqual(9);
  expect(again.seconds()).toBeLessThan(20);
  again.events.append({ stage: 'a', step: 3 });
  await again.close();
  expect((await readFile(path, 'utf8')).match(/"resumed":true/g)).toHaveLength(2);
});

test('a stage may have any name', async () => {
  const run = await createRun(directory, request);
  await recorderFor(run, never).save('../../round 1/a', { step: 1, tensors: {} });
  await run.close();
  const again = await openRun(directory);
  expect(await recorderFor(again, never).restore('../../round 1/a')).toEqual({ step: 1, tensors: {} });
  await again.close();
});

test('a folder that may not be written is named', async () => {
  await chmod(directory, 0o555);
  const root = process.getuid?.() === 0;
  if (root) process.seteuid?.(65534); // Root may write everywhere, so the test becomes the user nobody.
  try {
    await expect(createRun(join(directory, 'run'), request)).rejects.toThrow(/no permission/);
    await expect(createRun(directory, request)).rejects.toThrow(/no permission/);
  } finally {
    if (root) process.seteuid?.(0);
  }
  expect(await readdir(directory)).toEqual([]);
});
