import { cp, mkdir, mkdtemp, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openClip } from '../checkpoints/open.ts';
import type { Clip } from '../clip/clip.ts';
import type { Purification } from '../defenses/cbpt/purify.ts';
import { createRun } from '../runs/run.ts';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { float32, int64 } from '../tensor/tensor.ts';
import { openModelOrRun, openPurified, writeDummies, writePurified } from './purified.ts';

const fixture = fileURLToPath(new URL('../../test/fixtures/clip/open-clip-resnet-quick-gelu', import.meta.url));

const root = temporaryFolder();
/** An empty folder of its own for every test. */
const newFolder = () => mkdtemp(join(root(), 'run-'));

function purification(clip: Clip): Purification {
  const classes = ['cat', 'dog'];
  const { embedding } = clip.config;
  const head = (value: number) => ({
    classes,
    embedding,
    scale: 50,
    embeddings: new Float32Array(2 * embedding).fill(value),
  });
  const size = clip.config.image.resolution;
  const trigger = {
    kind: 'mask-pattern' as const,
    mask: float32(new Float32Array(size * size).fill(0.1), [1, size, size]),
    pattern: float32(new Float32Array(3 * size * size).fill(0.7), [3, size, size]),
    placement: { top: 0, left: 0 },
  };
  const dummy = {
    name: 'sparse',
    form: 'sparse' as const,
    trigger,
    positions: [0],
    embeddings: float32(new Float32Array(embedding), [1, embedding]),
    concentration: 0.9,
    target: 1,
    dominant: 'dog',
    shares: [{ label: 'dog', share: 0.95 }],
    size: 0.1,
  };
  return {
    head: head(0.5),
    zeroShot: head(0.25),
    prompts: { contexts: float32([1, 2], [2, 1, 1]), ids: int64([1, 2], [2, 1]), head: head(0.5) },
    clean: float32(new Float32Array(embedding), [1, embedding]),
    dummies: [dummy],
    used: [dummy],
  };
}

test('a purified model is read as it was written, and finds its model', async () => {
  const clip = await openClip(fixture);
  const folder = await newFolder();
  const written = purification(clip);
  await writePurified(folder, clip, written, ['a photo of a {}.']);
  const { purified, clip: found } = await openModelOrRun(folder);
  expect(found.sha256).toBe(clip.sha256);
  expect(purified?.head.embeddings).toEqual(written.head.embeddings);
  expect(purified?.zeroShot.embeddings).toEqual(written.zeroShot.embeddings);
  expect(purified?.head.scale).toBeCloseTo(50, 3);
  expect(purified?.manifest.dummies).toEqual([
    { file: 'dummy-sparse.safetensors', form: 'sparse', concentration: 0.9, dominant: 'dog', used: true },
  ]);
});

test('a model of the Hub is found by its commit, even if its branch has moved', async () => {
  const clip = await openClip(fixture);
  const folder = await newFolder();
  const hub = { repository: 'org/name', revision: 'main', commit: 'c'.repeat(40) };
  const fetched = { ...clip, name: 'hf:org/name', reading: { ...clip.reading, hub } };
  await writePurified(folder, fetched, purification(clip), ['{}']);
  expect((await openPurified(folder))?.manifest.model.name).toBe(`hf:org/name@${hub.commit}`);
});

test('a head is refused for weights it was not tuned on, with both hashes', async () => {
  const clip = await openClip(fixture);
  const folder = await newFolder();
  await writePurified(folder, { ...clip, sha256: 'a'.repeat(64) }, purification(clip), ['{}']);
  const refusal = openModelOrRun(folder);
  await expect(refusal).rejects.toThrow(clip.sha256);
  await expect(refusal).rejects.toThrow('a'.repeat(64));
});

test('a run whose model has moved says which model it asks for, and opens it where purified.json names its new place', async () => {
  const folder = await newFolder();
  const [run, old, moved] = ['run', 'my-clip', 'moved'].map((name) => join(folder, name)) as [string, string, string];
  await cp(fixture, old, { recursive: true });
  await mkdir(run);
  const clip = await openClip(old);
  await writePurified(run, clip, purification(clip), ['{}']);
  await rename(old, moved);
  await expect(openModelOrRun(run)).rejects.toThrow(
    `${old}: found no such file or folder, expected the model that ${run} was made for, SHA-256 ${clip.sha256}; ` +
      `put it back, or write its new place into ${join(run, 'purified.json')}, under model.name; ` +
      `\`antidote export ${run} --bundle --out DIR\` keeps head and model together from then on`,
  );
  const path = join(run, 'purified.json');
  await writeFile(path, (await readFile(path, 'utf8')).replace(JSON.stringify(old), JSON.stringify(moved)));
  expect((await openModelOrRun(run)).clip.name).toBe(moved);
  await writeFile(path, (await readFile(path, 'utf8')).replace(JSON.stringify(moved), '"./model"'));
  await expect(openModelOrRun(run)).rejects.toThrow(
    `${join(run, 'model')}: found no such file or folder, expected the`,
  );
});

test('an unfinished purification is refused with the command that finishes it', async () => {
  const folder = await newFolder();
  const run = await createRun(folder, { command: 'purify', options: {}, device: 'cpu', threads: 1 });
  await run.close();
  await expect(openModelOrRun(folder)).rejects.toThrow(
    `${folder}: found an unfinished run of \`antidote purify\`, expected a model, or the directory of a purified run; ` +
      `\`antidote resume ${folder}\` finishes it`,
  );
});

test.each(['attack', 'scan'])('a run of %s, which has no head, is refused by its name', async (command) => {
  const folder = await newFolder();
  const run = await createRun(folder, { command, options: {}, device: 'cpu', threads: 1 });
  await run.close();
  await expect(openModelOrRun(folder)).rejects.toThrow(`${folder}: found a run of \`antidote ${command}\``);
});

test('a manifest with a mistake names the file and the key', async () => {
  const clip = await openClip(fixture);
  const folder = await newFolder();
  await writePurified(folder, clip, purification(clip), ['{}']);
  const path = join(folder, 'purified.json');
  const manifest = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...manifest, model: { name: 'x', sha256: 'short' } }));
  await expect(openPurified(folder)).rejects.toThrow(/purified\.json.*model\.sha256/s);
});

test('a head of the wrong shape is refused', async () => {
  const clip = await openClip(fixture);
  const folder = await newFolder();
  await writePurified(folder, clip, purification(clip), ['{}']);
  const other = await newFolder();
  await cp(folder, other, { recursive: true });
  const path = join(other, 'purified.json');
  const manifest = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...manifest, classes: ['cat', 'dog', 'cow'] }));
  await expect(openPurified(other)).rejects.toThrow(/text_embeds.*expected shape \[3, \d+\] for 3 classes/s);
});

test('a head whose contexts have lost an axis is refused with the shape that is expected', async () => {
  const clip = await openClip(fixture);
  const folder = await newFolder();
  const written = purification(clip);
  const prompts = { ...written.prompts, contexts: float32([1, 2], [2, 1]) };
  await writePurified(folder, clip, { ...written, prompts }, ['{}']);
  await expect(openPurified(folder)).rejects.toThrow(
    /found shape \[2, 1\] under "contexts", expected shape \[2, any, any\] for 2 classes/,
  );
});

test('dummy triggers can be written without a head, and are listed as in a manifest', async () => {
  const clip = await openClip(fixture);
  const folder = await newFolder();
  const { dummies } = purification(clip);
  expect(await writeDummies(folder, clip, { dummies, used: [] })).toEqual([
    { file: 'dummy-sparse.safetensors', form: 'sparse', concentration: 0.9, dominant: 'dog', used: false },
  ]);
  expect((await readdir(folder)).sort()).toEqual(['dummy-sparse.png', 'dummy-sparse.safetensors']);
});

test('a folder without a manifest is no purified model', async () => {
  expect(await openPurified(await newFolder())).toBeUndefined();
});
