/** @file `antidote export` as its users meet it: a child process, its streams and exit codes. */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEngine } from '../src/engine/ort-engine.ts';
import { writeTinyPurified } from '../src/export/purified.test-support.ts';
import { antidote, run } from './antidote.ts';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const model = path('fixtures/clip/hugging-face-quick-gelu');
const picture = path('fixtures/preprocess/images/rgb.png');

let folder: string;
let purified: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'antidote-cli-export-'));
  purified = join(folder, 'run');
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  await writeTinyPurified(engine, model, purified, ['banana', 'pizza', 'dog']);
  await engine.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('without flags the embeddings are written, and the files are listed with what they are for', async () => {
  const out = join(folder, 'plain');
  const { code, out: lines } = await run(antidote, 'export', purified, '--out', out);
  expect(code).toBe(0);
  expect(lines).toMatch(/plain: 3 files, [\d,]+ bytes\n {2}text_embeds\.safetensors +one text embedding per class/);
  const names = await readdir(out);
  for (const name of names) expect(lines).toContain(`\n  ${name} `);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(out, name))).size));
  expect(lines).toContain(`${sizes.reduce((sum, size) => sum + size, 0).toLocaleString('en')} bytes`);
  expect((await readdir(out)).sort()).toEqual(['README.md', 'export.json', 'text_embeds.safetensors']);
});

test('formats may be given together, --json tells what was written, and a bundle classifies as the run does', async () => {
  const out = join(folder, 'all');
  const formats = ['text-embeds', 'coop', 'onnx'].flatMap((format) => ['--format', format]);
  const { code, out: json } = await run(antidote, 'export', purified, '--out', out, ...formats, '--bundle', '--json');
  expect(code).toBe(0);
  const result = JSON.parse(json);
  expect(result).toMatchObject({ out, formats: ['text-embeds', 'coop', 'onnx'], bundle: true, classes: 3 });
  expect(result.files.map((file: { path: string }) => file.path)).toContain('onnx/model.onnx');
  const classified = (place: string) => run(antidote, 'classify', place, picture, '--json');
  const [ofRun, ofExport] = await Promise.all([classified(purified), classified(out)]);
  expect(ofExport.out).toBe(ofRun.out);
});

test('what is no run, no format or no free folder ends with its exit code and one sentence', async () => {
  expect(await run(antidote, 'export', model, '--out', join(folder, 'x'))).toMatchObject({ code: 65, out: '' });
  const format = await run(antidote, 'export', purified, '--out', join(folder, 'x'), '--format', 'pickle');
  expect(format.code).toBe(64);
  expect(format.err).toMatch(/--format: found "pickle", expected one of text-embeds, coop, onnx/);
  const taken = await run(antidote, 'export', purified, '--out', purified);
  expect(taken.code).toBe(64);
  expect(taken.err).toMatch(/run: found a folder that holds "[^"]+", expected a new or empty folder/);
});
