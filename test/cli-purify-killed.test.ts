/** @file The promise of `resume`, on the real method: purify killed at any moment ends as if nothing had happened. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readRun } from '../src/runs/read.ts';
import { randomFor } from '../src/tensor/random.ts';
import { antidote, begin, endWhen } from './antidote.ts';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
/** A tiny CLIP with random weights: what it says means nothing, but every step of the method is taken. */
const model = path('fixtures/clip/hugging-face-quick-gelu');

let folder: string;
let classes: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'antidote-purify-'));
  classes = join(folder, 'classes.txt');
  await writeFile(classes, 'banana\npizza\ndog\ncat\n');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs the command line and, if asked to, kills it once the run in `out` has told of so many more steps. */
async function purified(args: readonly string[], out: string, killAfter = Number.POSITIVE_INFINITY): Promise<void> {
  const until = told(out) + killAfter;
  // Of its own: neither run is to be spared what the other has computed.
  const begun = begin(antidote, args, { XDG_CACHE_HOME: `${out}-cache` });
  // Counted in steps, not in seconds: a busy machine must not be killed before it comes to its next checkpoint.
  const { code } = await endWhen(begun, 'SIGKILL', () => told(out) >= until);
  if (code !== null) expect(code).toBe(0);
}

function told(out: string): number {
  const log = join(out, 'events.jsonl');
  return existsSync(log) ? readFileSync(log, 'utf8').split('\n').length : 0;
}

function purifying(out: string): string[] {
  // All of it fits; that it does is decided twice, and kept.
  const steps = ['--inversion-steps', '45', '--tuning-steps', '55', '--budget', '600', '--shots', '4'];
  return ['purify', model, '--data', 'emoji:train', '--classes', classes, ...steps, '--threads', '1', '--out', out];
}

test('purify killed at random moments and resumed gives the same head, byte for byte', async () => {
  const whole = join(folder, 'whole');
  const broken = join(folder, 'broken');
  await purified(purifying(whole), whole);

  const random = randomFor(3, 'kill');
  for (const verb of ['begin', 'resume', 'resume', 'resume']) {
    if (existsSync(join(broken, 'result.json'))) break;
    await purified(verb === 'begin' ? purifying(broken) : ['resume', broken], broken, 10 + random.integer(80));
  }
  await purified(['resume', broken], broken);

  const weights = (await readdir(whole)).filter((name) => name.endsWith('.safetensors'));
  expect(weights).toContain('head.safetensors');
  for (const name of weights) {
    expect((await readFile(join(broken, name))).equals(await readFile(join(whole, name))), name).toBe(true);
  }
  const [expected, found] = [await readRun(whole), await readRun(broken)];
  expect(found.result).toEqual({
    ...expected.result,
    seconds: expect.any(Number),
    run: broken,
    report: expect.any(String),
  });
  const tuning = (run: typeof found) =>
    run.events.filter(({ stage }) => stage === 'tune').map(({ time, ...event }) => event);
  expect(tuning(found)).toEqual(tuning(expected));
  expect(expected.events.filter(({ stage }) => stage === 'budget')).toMatchObject([
    { tuningSteps: 55 },
    { tuningSteps: 55 },
  ]);
  expect(
    (await readdir(broken, { recursive: true })).filter((name) => name.endsWith('.tmp') || name === 'run.lock'),
  ).toEqual([]);
}, 600_000);
