/** @file Folders that are given for a model: each is called what it is, and the model that it has is named. */
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { openClip } from './open.ts';
import { fixtures, huggingFace, vit } from './spoiled-models.test-support.ts';

const folder = temporaryFolder();

/** A new folder with these files; objects become JSON. */
async function folderOf(name: string, files: Readonly<Record<string, object | string>>): Promise<string> {
  const path = join(folder(), name);
  await mkdir(path);
  for (const [file, content] of Object.entries(files))
    await writeFile(join(path, file), typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const config = (command: string, model?: string) => ({
  format: 1,
  command,
  options: {},
  inputs: model === undefined ? {} : { model: { name: model, sha256: '0'.repeat(64) } },
});

const purifiedRun = {
  'config.json': config('purify', 'my-clip'),
  'purified.json': { format: 1, head: 'head.safetensors', model: { name: '/models/my-clip', sha256: '' } },
  'head.safetensors': '',
  'dummy-sparse.safetensors': '',
  'dummy-patch.safetensors': '',
};

const exported = (file: string) => ({ antidote: '0.1.0', head: '0'.repeat(64), files: [{ path: file }] });

test.each<[what: string, files: Readonly<Record<string, object | string>>, message: string]>([
  [
    'a purified run',
    purifiedRun,
    'found a purified run, expected a model; `evaluate` and `classify` take it; the model that it was made with is /models/my-clip',
  ],
  [
    'a run that has no head yet',
    { 'config.json': config('purify', 'my-clip'), 'dummy-sparse.safetensors': '' },
    'found a run of `antidote purify`, expected a model; the model that it was made with is my-clip',
  ],
  ['a bench', { 'config.json': config('bench') }, 'found a run of `antidote bench`, expected a model'],
  [
    'an ONNX export',
    { 'config.json': { id2label: {} }, 'export.json': exported('onnx/model.onnx') },
    'found an ONNX export, expected a model; `createClassifier` opens it',
  ],
  [
    'an export of embeddings',
    { 'text_embeds.safetensors': '', 'export.json': exported('text_embeds.safetensors') },
    'found an export of a purified run, expected a model; its README.md says how to use it',
  ],
])('%s in place of a model is called that', async (what, files, message) => {
  const path = await folderOf(what, files);
  await expect(openClip(path)).rejects.toMatchObject({ fault: 'data', message: `${path}: ${message}` });
});

test('a run or an export that holds a model names it', async () => {
  const attack = await folderOf('attack', { 'config.json': config('attack', 'emoji-clip'), 'trigger.safetensors': '' });
  const { name, ...rest } = purifiedRun['purified.json'].model;
  const bundle = await folderOf('bundle', {
    'export.json': exported('onnx/model.onnx'),
    'purified.json': { ...purifiedRun['purified.json'], model: { ...rest, name: './model' } },
  });
  for (const path of [attack, bundle]) await cp(join(fixtures, vit), join(path, 'model'), { recursive: true });
  await expect(openClip(attack)).rejects.toThrow(
    `${attack}: found a run of \`antidote attack\`, expected a model; its model is ${join(attack, 'model')}`,
  );
  await expect(openClip(bundle)).rejects.toThrow(`opens it; its model is ${join(bundle, 'model')}`);
  expect((await openClip(join(attack, 'model'))).format).toBe('open-clip');
});

test('a folder without files of a model, as sentence-transformers lays it out, names the model one level below', async () => {
  const path = await folderOf('clip-ViT-B-32', { 'modules.json': '[]', 'README.md': '' });
  await mkdir(join(path, '1_Normalize'));
  const inner = join(path, '0_CLIPModel');
  await cp(join(fixtures, huggingFace), inner, { recursive: true });
  await expect(openClip(path)).rejects.toThrow(
    `${path}: found a folder that holds a model, expected the model itself; give ${inner}`,
  );
  await cp(join(fixtures, vit), path, { recursive: true });
  expect((await openClip(path)).format).toBe('open-clip');
});

test('files of other programs under the names of runs and exports hinder no model', async () => {
  const path = join(folder(), 'model');
  await cp(join(fixtures, huggingFace), path, { recursive: true });
  await writeFile(join(path, 'export.json'), '{"format": 1}');
  await writeFile(join(path, 'purified.json'), 'no JSON');
  expect((await openClip(path)).format).toBe('hugging-face');
});
