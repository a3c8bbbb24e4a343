/** @file `antidote export` as its users meet it: a child process, its streams and exit codes. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEngine } from '../src/engine/ort-engine.ts';
import { writeTinyPurified } from '../src/export/purified.test-support.ts';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const model = path('fixtures/clip/hugging-face-quick-gelu');
const picture = path('fixtures/preprocess/images/rgb.png');

function antidote(...args: string[]) {
  const all = ['--import', 'tsx', path('../src/cli/main.ts'), ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, all, { encoding: 'utf8' });
  return { code: status, out: stdout, err: stderr };
}

let folder: string;
let run: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'antidote-cli-export-'));
  run = join(folder, 'run');
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  await writeTinyPurified(engine, model, run, ['banana', 'pizza', 'dog']);
  await engine.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('without flags the embeddings are written, and the files are listed with what they are for', async () => {
  const out = join(folder, 'plain');
  const { code, out: lines } = antidote('export', run, '--out', out);
  expect(code).toBe(0);
  expect(lines).toMatch(/plain: 3 files, [\d,]+ bytes\n {2}text_embeds\.safetensors +one text embedding per class/);
  expect((await readdir(out)).sort()).toEqual(['README.md', 'export.json', 'text_embeds.safetensors']);
});

test('formats may be given together, --json tells what was written, and a bundle classifies as the run does', async () => {
  const out = join(folder, 'all');
  const formats = ['text-embeds', 'coop', 'onnx'].flatMap((format) => ['--format', format]);
  const { code, out: json } = antidote('export', run, '--out', out, ...formats, '--bundle', '--json');
  expect(code).toBe(0);
  const result = JSON.parse(json);
  expect(result).toMatchObject({ out, formats: ['text-embeds', 'coop', 'onnx'], bundle: true, classes: 3 });
  expect(result.files.map((file: { path: string }) => file.path)).toContain('onnx/model.onnx');
  const [ofRun, ofExport] = [run, out].map((place) => antidote('classify', place, picture, '--json').out);
  expect(ofExport).toBe(ofRun);
});

test('what is no run, no format or no free folder ends with its exit code and one sentence', () => {
  expect(antidote('export', model, '--out', join(folder, 'x'))).toMatchObject({ code: 65, out: '' });
  const format = antidote('export', run, '--out', join(folder, 'x'), '--format', 'pickle');
  expect(format.code).toBe(64);
  expect(format.err).toMatch(/--format: found "pickle", expected one of text-embeds, coop, onnx/);
  const taken = antidote('export', run, '--out', run);
  expect(taken.code).toBe(64);
  expect(taken.err).toMatch(/run: found a folder with files in it, expected a new or empty folder/);
});
