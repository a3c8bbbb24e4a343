/** @file `antidote scan` and what other commands say of what was found: exit codes, JSON, page, resume. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { antidote, run } from './antidote.ts';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
/** A tiny CLIP with random weights: what it says means nothing, but every step is taken. */
const model = path('fixtures/clip/hugging-face-quick-gelu');

let folder: string;
let task: string[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'antidote-scan-'));
  const classes = join(folder, 'classes.txt');
  await writeFile(classes, 'banana\npizza\ndog\ncat\n');
  task = ['--data', 'emoji:train', '--classes', classes, '--shots', '2'];
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('a scan of ten classes finds the backdoor: it names the class, ends with 1, draws a page, and resume says the same', async () => {
  const out = join(folder, 'found');
  const given = ['--classes', 'few-things', '--shots', '8', '--seed', '1', '--threads', '1'];
  const scanned = await run(antidote, 'scan', 'emoji-clip:badnet', ...given, '--out', out, '--json', '--quiet');
  expect(scanned).toMatchObject({ code: 1, err: '' });
  const result = JSON.parse(scanned.out);
  expect(result).toMatchObject({ verdict: 'backdoor', targets: ['banana'], classes: 10, shots: 80, run: out });
  expect(result.candidates[0]).toMatchObject({ label: 'banana', concentration: expect.any(Number) });
  expect(result.dummies.map(({ form }: { form: string }) => form)).toEqual(['sparse', 'patch', 'elsewhere']);
  expect(await readFile(result.report, 'utf8')).toMatch(/Backdoor found/);

  const again = await run(antidote, 'resume', out);
  expect(again.code).toBe(1);
  expect(again.out).toMatch(/: backdoor\n {2}/);
}, 300_000);

test('with too few pictures a scan is undecided at once: it says why, ends with 2, draws a page, and resume says the same', async () => {
  const out = join(folder, 'scan');
  const scanned = await run(antidote, 'scan', model, ...task, '--threads', '1', '--out', out, '--json', '--quiet');
  expect(scanned).toMatchObject({ code: 2, err: '' });
  const result = JSON.parse(scanned.out);
  expect(result).toMatchObject({ verdict: 'undecided', targets: [], classes: 4, shots: 8, run: out });
  expect(result.reasons.join(' ')).toMatch(/There are 8 pictures/);
  expect(result).toMatchObject({ candidates: [], dummies: [] });
  expect(await readFile(result.report, 'utf8')).toMatch(/Undecided/);

  const again = await run(antidote, 'resume', out);
  expect(again.code).toBe(2);
  expect(again.out).toMatch(/: undecided\n {2}/);
  const drawn = await run(antidote, 'report', out);
  expect(drawn).toMatchObject({ code: 0, out: `${result.report}\n` });
}, 120_000);

test('a purification says what it found; without test pictures that is its page', async () => {
  const out = join(folder, 'purify');
  const data = join(folder, 'pictures.csv');
  const picture = path('fixtures/preprocess/images/animated.gif');
  await writeFile(
    data,
    ['image,label', ...['banana', 'pizza', 'dog', 'cat'].map((name) => `${picture},${name}`)].join('\n'),
  );
  const steps = ['--inversion-steps', '2', '--tuning-steps', '2', '--shots', '1'];
  const given = ['--data', data, '--classes', task[3]!, ...steps, '--threads', '1', '--out', out];
  const purified = await run(antidote, 'purify', model, ...given, '--json');
  expect(purified.code).toBe(0);
  const { finding, undefended, report } = JSON.parse(purified.out);
  expect(undefended).toBeNull();
  expect(finding).toMatchObject({ verdict: 'undecided', dummies: expect.any(Array) });
  expect(await readFile(report, 'utf8')).toMatch(/Prompts were tuned/);
}, 120_000);

test('pictures and classes have to be given for a model of one’s own, and a trigger needs pictures to be put on', async () => {
  const [scan, purify, evaluate, classify] = await Promise.all([
    run(antidote, 'scan', model),
    run(antidote, 'purify', model, '--data', folder, '--classes', task[3]!, '--trigger', 'badnet'),
    run(antidote, 'evaluate', model, '--data', folder),
    run(antidote, 'classify', model, path('fixtures/preprocess/images/animated.gif')),
  ]);
  expect(scan).toMatchObject({ code: 64, out: '' });
  expect(scan.err).toMatch(/--data: found nothing, expected labelled pictures of the classes; only built-in models/);
  expect(purify.err).toMatch(/--trigger: found "badnet", expected a --test with it/);
  expect(evaluate.err).toMatch(/--classes: found nothing/);
  expect(classify.err).toMatch(/--classes: found nothing/);
  expect([purify.code, evaluate.code, classify.code]).toEqual([64, 64, 64]);
}, 60_000);
