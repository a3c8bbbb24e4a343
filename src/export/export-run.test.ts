import { writeFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openClip } from '../checkpoints/open.ts';
import type { Clip, Head } from '../clip/clip.ts';
import { encodePictures } from '../clip/encode-pictures.ts';
import { storedParameters } from '../clip/parameters.ts';
import { textTower } from '../clip/text-tower.ts';
import { picturesOfFiles, unlabelled } from '../data/listings/image-files.ts';
import { type Engine, withProgram } from '../engine/engine.ts';
import { openEngine } from '../engine/ort-engine.ts';
import { l2Normalize } from '../graph/composites.ts';
import { concat } from '../graph/layout.ts';
import { constant } from '../graph/leaves.ts';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { openSafetensors, readTensor } from '../tensor/safetensors.ts';
import { sha256OfFile } from '../tensor/sha256.ts';
import { int64, type Tensor } from '../tensor/tensor.ts';
import { exportRun } from './export-run.ts';
import { createClassifier } from './node-classifier.ts';
import { writeOnnxModel } from './onnx-model.ts';
import { writeTinyPurified } from './purified.test-support.ts';
import { openModelOrRun } from './purified.ts';

const path = (name: string) => fileURLToPath(new URL(`../../test/fixtures/${name}`, import.meta.url));
const classes = ['banana', 'pizza', 'dog', 'cat'];
const pictures = ['rgb.png', 'rgb.jpg', 'gray.png', 'rgba.png'].map((name) => path(`preprocess/images/${name}`));

const root = temporaryFolder();
const newFolder = () => mkdtemp(join(root(), 'export-'));

let engine: Engine;
let run: string;
let clip: Clip;
let head: Head;
beforeAll(async () => {
  engine = await openEngine({ device: 'cpu', threads: 1 });
  run = join(root(), 'run');
  const written = await writeTinyPurified(engine, path('clip/hugging-face-quick-gelu'), run, classes);
  clip = written.clip;
  head = written.purification.head;
});
afterAll(() => engine.close());

/** Logits as the rest of the project computes them. */
async function ourLogits(model: Clip, { embeddings, embedding, scale }: Head): Promise<number[][]> {
  const images = await encodePictures(engine, model, await picturesOfFiles(unlabelled(pictures), model.config));
  return pictures.map((_, row) =>
    classes.map((_, column) => {
      let sum = 0;
      for (let i = 0; i < embedding; i++)
        sum += images.data[row * embedding + i]! * embeddings[column * embedding + i]!;
      return scale * sum;
    }),
  );
}

function expectClose(found: readonly ArrayLike<number>[], expected: readonly (readonly number[])[]): void {
  found.forEach((row, i) => {
    Array.from(row).forEach((value, k) => {
      expect(Math.abs(value - expected[i]![k]!)).toBeLessThan(1e-3);
    });
  });
}

test('the default export holds only the head, refers to the model by hash, and describes itself', async () => {
  const out = join(await newFolder(), 'new', 'out');
  const manifest = await exportRun(run, out, { formats: ['text-embeds'], bundle: false });
  expect((await readdir(out)).sort()).toEqual(['README.md', 'export.json', 'text_embeds.safetensors']);
  expect(manifest).toMatchObject({
    model: { name: 'hugging-face-quick-gelu', sha256: clip.sha256 },
    classes,
    run: null,
  });
  const { tensors, metadata } = await openSafetensors(join(out, 'text_embeds.safetensors'));
  expect((await readTensor(tensors.get('text_embeds')!)).data).toEqual(head.embeddings);
  expect(Number((await readTensor(tensors.get('logit_scale')!)).data[0])).toBeCloseTo(Math.log(head.scale), 5);
  expect(metadata).toMatchObject({ classes: JSON.stringify(classes), model_sha256: clip.sha256, normalized: 'true' });
  expect(await readFile(join(out, 'README.md'), 'utf8')).toContain(clip.sha256);
});

test("the README of an export has the run's measurements, and a result that a program wrote is left aside", async () => {
  const source = join(await newFolder(), 'run');
  await cp(run, source, { recursive: true });
  const readMeWith = async (result: object, name: string) => {
    await writeFile(join(source, 'result.json'), JSON.stringify(result));
    await exportRun(source, join(source, name), { formats: ['text-embeds'], bundle: false });
    return readFile(join(source, name, 'README.md'), 'utf8');
  };
  const shares = { ca: 91.66, asr: null, asrAll: null, ra: null, n: 36, sources: 36 };
  const measured = { attack: null, target: null, undefended: shares, purified: shares };
  expect(await readMeWith(measured, 'measured')).toContain('91.7 % of 36 clean test pictures');
  expect(await readMeWith({ undefended: 'of mine' }, 'foreign')).toContain('Nothing was measured');
});

test('every file is listed with its hash, and the same run gives the same bytes', async () => {
  const folder = await newFolder();
  const [a, b] = [join(folder, 'a'), join(folder, 'b')];
  const options = { formats: ['text-embeds', 'coop', 'onnx'] as const, bundle: true };
  const manifest = await exportRun(run, a, options);
  await exportRun(run, b, options);
  expect(await sha256OfFile(join(a, 'export.json'))).toBe(await sha256OfFile(join(b, 'export.json')));
  const entries = await readdir(a, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  expect(manifest.files.map((file) => join(a, file.path)).sort()).toEqual(
    files.filter((file) => !file.endsWith('export.json')).sort(),
  );
  for (const file of manifest.files) expect(await sha256OfFile(join(a, file.path))).toBe(file.sha256);
});

test('the ONNX model gives our logits for pictures of any kind, in batches and one by one', async () => {
  const out = join(await newFolder(), 'out');
  await exportRun(run, out, { formats: ['onnx'], bundle: false });
  const classifier = await createClassifier(out, { threads: 1 });
  const expected = await ourLogits(clip, head);
  expectClose(await classifier.logits(pictures), expected);
  expectClose(await classifier.logits([await readFile(pictures[1]!)]), [expected[1]!]);
  const [best] = await classifier.classify([pictures[0]!], 2);
  expect(best).toHaveLength(2);
  expect(best![0]!.label).toBe(classes[expected[0]!.indexOf(Math.max(...expected[0]!))]);
  await classifier.close();
});

test('weights too large for one file go beside it, where ONNX Runtime and transformers.js look, for a ResNet too', async () => {
  const folder = await newFolder();
  const resnet = await openClip(path('clip/open-clip-resnet-gelu'));
  const { embedding } = resnet.config;
  const embeddings = new Float32Array(classes.length * embedding).map((_, i) => Math.sin(i));
  const rows: Head = { classes, embedding, embeddings, scale: 3 };
  const files = Object.keys(await writeOnnxModel(folder, resnet, rows, {}, 1000)).filter((name) => /^onnx/.test(name));
  expect(files).toEqual(['onnx/model.onnx', 'onnx/model.onnx_data']);
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
  expect(config['transformers.js_config']).toMatchObject({ use_external_data_format: true });
  await exportRun(run, join(folder, 'out'), { formats: ['text-embeds'], bundle: false });
  const manifest = JSON.parse(await readFile(join(folder, 'out', 'export.json'), 'utf8'));
  const listed = files.map(async (file) => {
    return { path: file, bytes: 1, sha256: await sha256OfFile(join(folder, file)), purpose: '' };
  });
  const { mean, std } = resnet.config.preprocessing;
  const preprocessing = { ...manifest.preprocessing, resolution: resnet.config.image.resolution, mean, std };
  const changed = { ...manifest, preprocessing, files: await Promise.all(listed) };
  await writeFile(join(folder, 'export.json'), JSON.stringify(changed));
  const classifier = await createClassifier(folder, { threads: 1 });
  expectClose(await classifier.logits(pictures), await ourLogits(resnet, rows));
  await classifier.close();

  // As the cache of the Hugging Face Hub has it: every file is a link.
  const links = await newFolder();
  await mkdir(join(links, 'onnx'));
  for (const [i, file] of [...files, 'export.json'].entries()) {
    const blob = join(folder, `blob-${i}`);
    await rename(join(folder, file), blob);
    await symlink(blob, join(links, file));
  }
  const linked = await createClassifier(links, { threads: 1 });
  expectClose(await linked.logits(pictures), await ourLogits(resnet, rows));
  await linked.close();
});

test("CoOp's tensors, joined as CoOp joins them, give the text embeddings back through our text tower", async () => {
  const out = join(await newFolder(), 'out');
  await exportRun(run, out, { formats: ['coop'], bundle: false });
  const { tensors, metadata } = await openSafetensors(join(out, 'coop.safetensors'));
  const read = (name: string) => readTensor(tensors.get(name)!);
  const [prefix, ctx, suffix] = await Promise.all(['token_prefix', 'ctx', 'token_suffix'].map(read));
  const ids = (await read('tokenized_prompts')) as Tensor<'int64'>;
  const { context, width } = clip.config.text;
  expect(prefix!.shape).toEqual([4, 1, width]);
  expect(ctx!.shape).toEqual([4, ctx!.shape[1]!, width]);
  expect(suffix!.shape).toEqual([4, context - 1 - ctx!.shape[1]!, width]);
  expect(ids.shape).toEqual([4, context]);
  expect(metadata.end_token).toBe(String(clip.tokenizer.end));
  const places = classes.map((_, row) => {
    const one = Array.from(ids.data.subarray(row * context, (row + 1) * context), Number);
    return one.indexOf(Math.max(...one));
  });
  const prompts = concat(
    [prefix!, ctx!, suffix!].map((tensor) => constant(tensor)),
    1,
  );
  const parameters = storedParameters(clip.parameters);
  const texts = l2Normalize(textTower(clip.config, parameters, prompts, constant(int64(places, [4]))));
  const result = await withProgram(engine, { outputs: { texts } }, (program) => program.run({}));
  const rebuilt = result.texts!.data as Float32Array;
  rebuilt.forEach((value, i) => {
    expect(Math.abs(value - head.embeddings[i]!)).toBeLessThan(1e-5);
  });
});

test('a bundled export is self-contained: moved, and without its original model, it opens and classifies', async () => {
  const folder = await newFolder();
  const copy = join(folder, 'original');
  await cp(path('clip/hugging-face-gelu-sharded'), copy, { recursive: true });
  await writeFile(join(copy, 'README.md'), '---\nlicense: apache-2.0\n---\n');
  await writeFile(join(copy, 'LICENSE.txt'), 'do what is right');
  await writeFile(join(copy, 'optimizer.pt'), 'not part of the model');
  const source = join(folder, 'run');
  const written = await writeTinyPurified(engine, copy, source, classes);
  const manifest = await exportRun(source, join(folder, 'out'), { formats: ['text-embeds'], bundle: true });
  await rm(copy, { recursive: true });
  await rm(source, { recursive: true });
  const moved = join(folder, 'moved');
  await rename(join(folder, 'out'), moved);
  const { clip: found, purified } = await openModelOrRun(moved);
  expect(found.sha256).toBe(written.clip.sha256);
  expect(purified!.head.embeddings).toEqual(written.purification.head.embeddings);
  expect(manifest.model).toMatchObject({ name: 'original', licence: 'apache-2.0' });
  expect(await readFile(join(moved, 'licences', 'LICENSE.txt'), 'utf8')).toBe('do what is right');
  expect(await readdir(join(moved, 'model'))).not.toContain('optimizer.pt');
  const readMe = await readFile(join(moved, 'README.md'), 'utf8');
  expect(readMe).toContain('\nantidote classify . photo.jpg\n');
  // Whatever is published under a name would be fetched and run.
  expect(readMe).not.toMatch(/npx|npmjs/);
  expect(readMe).toContain('.image_embeds.float()');
});

test('an export can be exported again, without the run, and keeps its name, its origin and its licence', async () => {
  const folder = await newFolder();
  const copy = join(folder, 'original');
  await cp(path('clip/hugging-face-quick-gelu'), copy, { recursive: true });
  await writeFile(join(copy, 'README.md'), '---\nlicense: apache-2.0\n---\n');
  await writeFile(join(copy, 'LICENSE.txt'), 'do what is right');
  await writeTinyPurified(engine, copy, join(folder, 'run'), classes);
  const first = await exportRun(join(folder, 'run'), join(folder, 'bundle'), { formats: [], bundle: true });
  const made = {
    command: 'purify',
    started: '2026-01-01T00:00:00.000Z',
    versions: { antidote: '0.1.0' },
    inputs: { model: first.model.sha256 },
  };
  const hub = { repository: 'org/name', revision: 'main', commit: 'c'.repeat(40) };
  const told = { ...first, run: made, model: { ...first.model, hub } };
  await writeFile(join(folder, 'bundle', 'export.json'), JSON.stringify(told));
  const again = await exportRun(join(folder, 'bundle'), join(folder, 'again'), { formats: ['coop'], bundle: true });
  expect(again.model).toEqual({ name: 'original', sha256: first.model.sha256, hub, licence: 'apache-2.0' });
  expect(again.run).toEqual(made);
  expect(await readFile(join(folder, 'again', 'licences', 'LICENSE.txt'), 'utf8')).toBe('do what is right');
});

test('a bare file of weights is bundled with its own configuration and nothing beside it', async () => {
  const folder = await newFolder();
  const emoji = fileURLToPath(new URL('../../models/emoji-clip', import.meta.url));
  await cp(join(emoji, 'open_clip_model.safetensors'), join(folder, 'mine.safetensors'));
  await cp(join(emoji, 'open_clip_config.json'), join(folder, 'mine.json'));
  await writeFile(join(folder, 'other.json'), '{}');
  const source = join(folder, 'run');
  const written = await writeTinyPurified(engine, join(folder, 'mine.safetensors'), source, classes);
  await exportRun(source, join(folder, 'out'), { formats: [], bundle: true });
  expect((await readdir(join(folder, 'out', 'model'))).sort()).toEqual(['mine.json', 'mine.safetensors']);
  expect((await openModelOrRun(join(folder, 'out'))).clip.sha256).toBe(written.clip.sha256);
});

test('an empty folder is filled, not replaced: it may be a working directory, a link or a mount point', async () => {
  const folder = await newFolder();
  const out = join(folder, 'out');
  await mkdir(out);
  const before = await stat(out);
  const link = join(folder, 'link');
  await symlink(out, link);
  await exportRun(run, link, { formats: ['coop'], bundle: false });
  expect((await stat(out)).ino).toBe(before.ino);
  expect((await readdir(out)).sort()).toEqual(['README.md', 'coop.safetensors', 'export.json']);
});

test('a folder with files in it is left unchanged, and a failed export leaves no files', async () => {
  const folder = await newFolder();
  const out = join(folder, 'out');
  await mkdir(out);
  await writeFile(join(out, 'thesis.tex'), 'precious');
  await expect(exportRun(run, out, { formats: ['coop'], bundle: false })).rejects.toThrow(
    /out: found a folder that holds "thesis\.tex", expected a new or empty/,
  );
  expect(await readdir(out)).toEqual(['thesis.tex']);
  const stopped = AbortSignal.abort(new Error('stopped'));
  const other = join(folder, 'other');
  await expect(exportRun(run, other, { formats: ['coop'], bundle: false, signal: stopped })).rejects.toThrow('stopped');
  expect(await readdir(folder)).toEqual(['out']);
});

test('what appears in the folder during an export is not replaced, and another export does not mix in', async () => {
  const out = join(await newFolder(), 'out');
  await mkdir(out);
  const notes = join(out, 'README.md');
  const { signal } = new AbortController();
  signal.throwIfAborted = () => writeFileSync(notes, 'my notes'); // It is asked before every step.
  await expect(exportRun(run, out, { formats: ['coop'], bundle: false, signal })).rejects.toThrow(
    /out: found a folder that holds "README\.md", expected a new or empty/,
  );
  expect(await readdir(out)).toEqual(['README.md']);
  expect(await readFile(notes, 'utf8')).toBe('my notes');

  const two = join(await newFolder(), 'two');
  await mkdir(two);
  const both = (['coop', 'text-embeds'] as const).map((format) =>
    exportRun(run, two, { formats: [format], bundle: false }),
  );
  const done = (await Promise.allSettled(both)).filter(({ status }) => status === 'fulfilled');
  const left = await readdir(two);
  expect(done.length).toBeLessThan(2);
  expect(left).toHaveLength(3 * done.length);
});

test('whatever is no run is refused by what it is, and the message describes a run', async () => {
  const refusal = exportRun(path('clip/hugging-face-quick-gelu'), join(await newFolder(), 'x'), {
    formats: ['coop'],
    bundle: false,
  });
  await expect(refusal).rejects.toThrow(/no purified\.json.*purified run/);
  for (const [name, found] of [
    ['emoji-clip', 'a model'],
    ['hf:org/name', 'a model'],
    [pictures[0]!, 'a file'],
    [join(root(), 'nowhere'), 'no such folder'],
  ]) {
    const instead = exportRun(name!, join(await newFolder(), 'x'), { formats: ['coop'], bundle: false });
    await expect(instead).rejects.toThrow(`${name}: found ${found}, expected the directory of a purified run`);
  }
});

test('a classifier is refused for a folder of another kind, and the message says which command makes one', async () => {
  const written = 'a folder that `antidote export RUN --format onnx` wrote';
  const exporting = `give the folder of \`antidote export ${run} --out DIR --format onnx\``;
  await expect(createClassifier(run)).rejects.toThrow(
    `${run}: found a purified run, expected ${written}; ${exporting}`,
  );
  const model = path('clip/hugging-face-quick-gelu');
  await expect(createClassifier(model)).rejects.toThrow(`${model}: found no export.json in it, expected ${written}`);
  const nowhere = join(root(), 'nowhere');
  await expect(createClassifier(nowhere)).rejects.toThrow(`${nowhere}: found no such folder, expected ${written}`);
});

test('a classifier is refused where the model is missing or differs from the exported one', async () => {
  const folder = await newFolder();
  await exportRun(run, join(folder, 'head'), { formats: ['text-embeds'], bundle: false });
  await expect(createClassifier(join(folder, 'head'))).rejects.toThrow(/no onnx\/model\.onnx.*--format onnx/);
  await exportRun(run, join(folder, 'onnx'), { formats: ['onnx'], bundle: false });
  const file = join(folder, 'onnx', 'onnx', 'model.onnx');
  const bytes = await readFile(file);
  bytes[bytes.length >> 1]! ^= 1;
  await writeFile(file, bytes);
  await expect(createClassifier(join(folder, 'onnx'))).rejects.toThrow(/model\.onnx: found SHA-256.*export\.json says/);
  const manifest = join(folder, 'head', 'export.json');
  const text = await readFile(manifest, 'utf8');
  await writeFile(manifest, text.replace('"shortest"', '"longest"'));
  await expect(createClassifier(join(folder, 'head'))).rejects.toThrow(
    /export\.json: preprocessing\.resize: found "longest"/,
  );
  await writeFile(manifest, text.replace(/"bytes": \d+/, '"bytes": -1'));
  await expect(createClassifier(join(folder, 'head'))).rejects.toThrow(/export\.json: files\.0\.bytes: found -1/);
  await writeFile(manifest, text.slice(0, 40));
  await expect(createClassifier(join(folder, 'head'))).rejects.toThrow(/export\.json: found text that is not JSON/);
});
