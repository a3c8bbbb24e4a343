/** @file Slips of the pen in commands that make runs: each is told, and none stands in the way of the right command. */
import { existsSync } from 'node:fs';
import { cp, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEngine } from '../src/engine/ort-engine.ts';
import { writeTinyPurified } from '../src/export/purified.test-support.ts';
import { antidote, begin, endWhen, run } from './antidote.ts';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const model = path('fixtures/clip/hugging-face-quick-gelu');
const picture = path('fixtures/preprocess/images/rgb.png');

let folder: string;
let classes: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'antidote-slips-'));
  classes = join(folder, 'classes.json');
  await writeFile(classes, JSON.stringify(['banana', 'pizza', 'dog']));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const purifying = (out: string) => {
  const task = ['--data', 'emoji:train', '--classes', classes, '--shots', '2', '--threads', '1', '--out', out];
  return ['purify', model, ...task];
};

test('a budget that nothing fits into leaves no run behind: the next one may have its folder', async () => {
  const out = join(folder, 'hurried');
  const { code, err } = await run(antidote, ...purifying(out), '--budget', '0.000001');
  expect(code).toBe(64);
  expect(err).toMatch(/--budget: found 0\.000001 minutes, expected at least/);
  expect(existsSync(out)).toBe(false);
}, 60_000);

test('pictures that are not there are refused by the flag that names them', async () => {
  const out = join(folder, 'absent');
  const { code, err } = await run(antidote, ...purifying(out), '--test', join(folder, 'nowhere'));
  expect(code).toBe(65);
  expect(err).toMatch(/antidote: --test .*nowhere: found neither a folder nor a file, expected one, or a built-in set/);
  expect(existsSync(out)).toBe(false);
}, 60_000);

test('test pictures that prompts are tuned on are noticed under another spelling of their path', async () => {
  const data = join(folder, 'tuned-on');
  for (const name of ['banana', 'pizza', 'dog']) await cp(picture, join(data, name, 'one.png'));
  const task = ['--data', data, '--test', `${data}/`, '--classes', classes, '--budget', '0.000001'];
  const { code, err } = await run(antidote, 'purify', model, ...task, '--out', join(folder, 'tuned'));
  expect(code).toBe(64);
  expect(err).toMatch(/--test names the pictures that prompts are tuned on/);
}, 60_000);

test('a broken picture leaves no run behind, and the error advises a new one', async () => {
  const out = join(folder, 'broken');
  const data = join(folder, 'pictures');
  for (const name of ['banana', 'pizza', 'dog']) await cp(picture, join(data, name, 'one.png'));
  await cp(picture, join(data, 'dog', 'two.png'));
  await truncate(join(data, 'dog', 'two.png'), 100);
  for (const command of ['evaluate', 'purify']) {
    const { code, err } = await run(antidote, command, model, '--data', data, '--classes', classes, '--out', out);
    expect(code).toBe(65);
    expect(err).toMatch(/dog\/two\.png: found .*; mend or remove it, and begin a new run\n$/);
    expect(existsSync(out)).toBe(false);
  }
}, 60_000);

test('a run does not go on with other prompts for the same classes', async () => {
  const out = join(folder, 'reworded');
  const begun = () => existsSync(join(out, 'checkpoints', 'prompts.safetensors'));
  const stopped = await endWhen(begin(antidote, purifying(out)), 'SIGINT', begun);
  expect(stopped.code).toBe(130);
  await writeFile(classes, JSON.stringify({ classes: ['banana', 'pizza', 'dog'], templates: ['a drawing of a {}'] }));
  const { code, err } = await run(antidote, 'resume', out);
  expect(code).toBe(65);
  expect(err).toMatch(
    /classes\.json: found SHA-256 .*, the classes that the run .* was begun with; put that file back, or begin a new run; what was computed is kept in .*reworded\n$/,
  );
}, 120_000);

test('a target without a trigger, and a model that is not there, are refused before anything else is asked for', async () => {
  const out = join(folder, 'untriggered');
  const [untriggered, nowhere] = await Promise.all([
    run(antidote, ...purifying(out), '--test', 'emoji:test', '--target', 'dog'),
    run(antidote, 'purify', join(folder, 'no-model')),
  ]);
  expect(untriggered).toMatchObject({
    code: 64,
    err: expect.stringMatching(/--target: found "dog", expected a --trigger with it/),
  });
  expect(nowhere).toMatchObject({
    code: 65,
    err: expect.stringMatching(/no-model: found no such file or folder, expected a model/),
  });
  expect(existsSync(out)).toBe(false);
}, 60_000);

test('a trigger whose target is none of the classes is measured by RA, and a note says so', async () => {
  const out = join(folder, 'outside');
  const tiny = join(folder, 'tiny.json');
  await writeFile(tiny, JSON.stringify(['pizza', 'dog']));
  const measuring = ['evaluate', model, '--data', 'emoji:test', '--classes', tiny, '--trigger', 'badnet-fixed'];
  const { code, out: json, err } = await run(antidote, ...measuring, '--threads', '1', '--json', '--out', out);
  expect(code).toBe(0);
  expect(err).toContain('ASR is not measured: the target "banana" is none of the classes; --target names another');
  expect(JSON.parse(json)).toMatchObject({ target: 'banana', undefended: { asr: null, ra: expect.any(Number) } });
}, 60_000);

test('a class list beside a purified run, and a target where nothing is measured, are refused', async () => {
  const finished = join(folder, 'run');
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  await writeTinyPurified(engine, model, finished, ['banana', 'pizza', 'dog']);
  await engine.close();
  const out = join(folder, 'evaluated');
  const list = ['--classes', classes];
  const [evaluated, classified, purified] = await Promise.all([
    run(antidote, 'evaluate', finished, '--data', 'emoji:test', ...list, '--out', out),
    run(antidote, 'classify', finished, picture, ...list),
    run(antidote, 'purify', model, '--data', folder, ...list, '--target', 'dog', '--out', out),
  ]);
  for (const { code, err } of [evaluated, classified]) {
    expect(code).toBe(64);
    expect(err).toMatch(
      /--classes: found ".*classes\.json", expected no list: a purified run brings its own; leave it out/,
    );
  }
  expect(purified).toMatchObject({ code: 64, err: expect.stringMatching(/--target: found "dog", expected a --test/) });
  expect(existsSync(out)).toBe(false);
}, 60_000);
