/** @file The promise of `bench`: killed, stopped and resumed it ends with the result of an uninterrupted one. */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { antidote, begin, run } from './antidote.ts';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
/** A tiny CLIP with random weights: what it says means nothing, but every step of a bench is taken. */
const model = path('fixtures/clip/hugging-face-quick-gelu');

let folder: string;
let matrix: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'antidote-bench-'));
  matrix = join(folder, 'matrix.yaml');
  const classes = join(folder, 'classes.txt');
  await writeFile(classes, 'banana\npizza\ndog\ncat\n');
  await writeFile(
    matrix,
    `models:
  - { name: tiny, model: ${model}, trigger: badnet-fixed }
defenses: [none, coop, cbpt, oracle]
seeds: [1, 2]
classes: [${classes}]
shots: 2
reports: true
options:
  cbpt: { tuning: { steps: 20 }, inversion: { steps: 20, batch: 8, patchBatch: 8 } }
  coop: { tuning: { steps: 20 } }
  oracle: { tuning: { steps: 20 } }
`,
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const benched = (out: string) => ['bench', matrix, '--out', out, '--threads', '1', '--json'];

async function cellsDone(out: string): Promise<number> {
  const cells = join(out, 'cells');
  if (!existsSync(cells)) return 0;
  return (await readdir(cells)).filter((name) => name.endsWith('.json')).length;
}

async function untilDone(out: string, count: number): Promise<void> {
  while ((await cellsDone(out)) < count) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** The result without what differs from run to run: times, memory, folders. */
function essence(json: string) {
  const { cells } = JSON.parse(json) as { cells: Record<string, unknown>[] };
  return cells.map(({ seconds, peakBytes, ...cell }) => cell);
}

test('killed, stopped and resumed, a bench ends with the result of an uninterrupted one', async () => {
  const whole = join(folder, 'whole');
  const uninterrupted = await run(antidote, ...benched(whole), '--workers', '2');
  expect(uninterrupted.code, uninterrupted.err).toBe(0);
  expect(JSON.parse(uninterrupted.out)).toEqual(JSON.parse(await readFile(join(whole, 'result.json'), 'utf8')));
  const cells = essence(uninterrupted.out);
  expect(cells).toHaveLength(8);
  expect(cells[2]).toMatchObject({ attack: 'tiny', defense: 'coop', seed: 1, error: null, ca: expect.any(Number) });
  // What does not depend on the seed is computed once.
  expect(cells[0]?.key).toBe(cells[1]?.key);
  expect(await cellsDone(whole)).toBe(7);

  const broken = join(folder, 'broken');
  const killed = begin(antidote, benched(broken));
  await untilDone(broken, 2);
  const second = await run(antidote, ...benched(broken));
  expect(second.code).toBe(64);
  killed.child.kill('SIGKILL');
  await killed.ended;

  const half = await run(antidote, 'report', broken, '--json');
  expect(half.code, half.err).toBe(0);
  expect(await readFile(join(broken, 'report.html'), 'utf8')).toContain('Unfinished');

  const done = await cellsDone(broken);
  const stopped = begin(antidote, ['resume', broken, '--json']);
  await untilDone(broken, done + 1);
  stopped.child.kill('SIGINT');
  const { code, err } = await stopped.ended;
  expect(code).toBe(130);
  expect(err.trimEnd().endsWith(`stopped; go on with: antidote resume ${broken}`)).toBe(true);
  expect(await readdir(broken)).not.toContain('run.lock');

  const resumed = await run(antidote, 'resume', broken, '--json');
  expect(resumed.code, resumed.err).toBe(0);
  expect(essence(resumed.out)).toEqual(cells);

  const again = await run(antidote, 'resume', broken, '--json');
  expect(again.out).toBe(resumed.out);
  const page = await readFile(join(broken, 'report.html'), 'utf8');
  expect(page).toContain('Complete');
  for (const [, report] of page.matchAll(/href="(reports\/[^"]+)"/g))
    expect(existsSync(join(broken, report!))).toBe(true);
  expect(page.match(/href="reports\//g)).toHaveLength(8);
  expect((await readFile(join(broken, 'results.csv'), 'utf8')).trim().split('\r\n')).toHaveLength(9);
}, 900_000);

test('a cell that fails is told in the table, the others are measured, and resume tries it again', async () => {
  const out = join(folder, 'red');
  const red = join(folder, 'red.yaml');
  const text = await readFile(matrix, 'utf8');
  // Nothing is triggered, and there is no word before the name that a prompt could be tuned from.
  const classes = join(folder, 'wordless.json');
  await writeFile(
    classes,
    JSON.stringify({ classes: ['banana', 'pizza', 'dog', 'cat'], templates: ['a photo of a {}'], prompt: '{}' }),
  );
  await writeFile(
    red,
    text
      .replace(', trigger: badnet-fixed', '')
      .replace('[none, coop, cbpt, oracle]', '[none, coop]')
      .replace(/classes: .*/, `classes: [${classes}]`)
      .replace(/ {2}(cbpt|oracle):.*\n/g, ''),
  );
  const first = await run(antidote, 'bench', red, '--out', out, '--threads', '1', '--json');
  expect(first.code, first.err).toBe(0);
  const { cells } = JSON.parse(first.out);
  expect(cells[0]).toMatchObject({ defense: 'none', error: null, asr: null });
  expect(cells[2]).toMatchObject({ defense: 'coop', ca: null, error: expect.stringContaining('the prompt "{}"') });
  expect(first.err).toMatch(/FAILED: .*the prompt "\{\}"/);
  const again = await run(antidote, 'resume', out);
  expect(again.code).toBe(0);
  expect(again.out).toMatch(/2 of 4 cells failed; try them again by: antidote resume/);
}, 600_000);

test('a mistake in the matrix ends with 65 and line and key, and leaves no folder', async () => {
  const wrong = join(folder, 'wrong.yaml');
  await writeFile(wrong, 'attacks: [badnet]\ndefenses: [prayer]\nseeds: [1]\nclasses: [things]\n');
  const { code, err } = await run(antidote, 'bench', wrong, '--out', join(folder, 'never'));
  expect(code).toBe(65);
  expect(err).toMatch(/wrong\.yaml:2: defenses\[0\]: found "prayer", expected one of none, /);
  expect(existsSync(join(folder, 'never'))).toBe(false);
}, 120_000);

test('a worker without a queue, and a queue that is not there, end with 64', async () => {
  const [alone, nowhere] = await Promise.all([
    run(antidote, 'worker'),
    run(antidote, 'worker', '--redis', 'redis://127.0.0.1:1'),
  ]);
  expect(alone.code).toBe(64);
  expect(alone.err).toMatch(/--redis: found nothing, expected the address of a queue/);
  expect(nowhere.code).toBe(64);
  expect(nowhere.err).toMatch(/--redis: found no server at redis:\/\/127\.0\.0\.1:1/);
}, 120_000);
