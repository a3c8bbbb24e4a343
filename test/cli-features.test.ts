/** @file The promise that embeddings are computed once across runs, on real processes and real files. */
import { existsSync } from 'node:fs';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { readRun } from '../src/runs/read.ts';
import { temporaryFolder } from '../src/tensor/files/temporary-folder.test-support.ts';
import { antidote, begin, type Ended, endWhen } from './antidote.ts';
import { writeManyFiles } from './streaming/many-files.ts';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
/** A tiny CLIP with random weights: what it says means nothing. */
const model = path('fixtures/clip/hugging-face-quick-gelu');
/** Two pieces of the store. */
const pictures = 2000;

const names = ['banana', 'pizza', 'dog', 'cat'];

const folder = temporaryFolder();
let data: string;
let classes: string;
beforeAll(async () => {
  data = join(folder(), 'data');
  classes = join(folder(), 'classes.txt');
  await writeFile(classes, names.join('\n'));
  await writeManyFiles(data, pictures, names);
});

/** `cache` is where the user's caches are; `killWhen` is looked at all the time. */
function evaluate(
  out: string,
  cache: string,
  more: readonly string[] = [],
  killWhen: () => boolean = () => false,
): Promise<Ended> {
  const args = ['evaluate', model, '--data', data, '--classes', classes, '--threads', '1', '--out', out, ...more];
  return endWhen(begin(antidote, args, { XDG_CACHE_HOME: cache }), 'SIGKILL', killWhen);
}

const files = async (cache: string) => {
  const kept = join(cache, 'neural-antidote', 'features');
  return existsSync(kept) ? (await readdir(kept)).filter((name) => name.endsWith('.safetensors')).sort() : [];
};

/** How many pictures were done whenever the run told of it. */
const told = async (out: string) =>
  (await readRun(out)).events.filter(({ stage }) => stage === 'evaluate').map(({ step }) => step);

const numbers = async (out: string) => {
  const { undefended, floor } = (await readRun(out)).result!;
  return { undefended, floor };
};

test('an evaluation that was killed is not lost, and a second one embeds nothing', async () => {
  const cache = join(folder(), 'cache');
  const kept = join(cache, 'neural-antidote', 'features');
  const started = () => existsSync(kept);
  let seen: string[] = [];
  const killed = await evaluate(join(folder(), 'killed'), cache, [], () => {
    if (started() && seen.length === 0) void files(cache).then((names) => (seen = names));
    return seen.length > 0;
  });
  expect(killed.code).toBe(null);
  const pieces = await files(cache);
  expect(pieces.length).toBeGreaterThan(0);
  const written = await Promise.all(pieces.map(async (name) => (await stat(join(kept, name))).mtimeMs));

  const again = join(folder(), 'again');
  expect(await evaluate(again, cache)).toMatchObject({ code: 0 });
  expect((await told(again))[0]).toBe(Math.min(pictures, 1024 * pieces.length));
  expect(await files(cache)).toHaveLength(2);
  expect(await Promise.all(pieces.map(async (name) => (await stat(join(kept, name))).mtimeMs))).toEqual(written);

  const second = join(folder(), 'second');
  expect(await evaluate(second, cache)).toMatchObject({ code: 0 });
  expect(await told(second)).toEqual([pictures]);
  expect(await numbers(second)).toEqual(await numbers(again));

  const without = join(folder(), 'without');
  const empty = join(folder(), 'empty');
  expect(await evaluate(without, empty, ['--no-cache'])).toMatchObject({ code: 0 });
  expect(existsSync(join(empty, 'neural-antidote'))).toBe(false);
  expect((await told(without)).length).toBeGreaterThan(30);
  expect(await numbers(without)).toEqual(await numbers(again));
}, 300_000);

test('where the cache cannot be written the run says so once and goes on', async () => {
  const file = join(folder(), 'no-folder');
  await writeFile(file, '');
  const out = join(folder(), 'uncached');
  const { code, err } = await evaluate(out, file);
  expect(code).toBe(0);
  expect(err.match(/embeddings are not kept for other runs: .*no-folder/g)).toHaveLength(1);
}, 120_000);
