/** @file The files of a model: every file that opening it reads, by absolute paths. */
import { basename, isAbsolute, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { builtInFolder } from './built-in.ts';
import { modelFiles } from './model-files.ts';

const cache = temporaryFolder();
afterEach(() => vi.unstubAllEnvs());

test('the files of a sharded model are configuration, preprocessing, tokenizer, index and all its shards', async () => {
  const folder = fileURLToPath(new URL('../../test/fixtures/clip/hugging-face-gelu-sharded', import.meta.url));
  const shards = [1, 2, 3, 4].map((n) => `model-0000${n}-of-00004.safetensors`);
  const others = ['config.json', 'preprocessor_config.json', 'tokenizer.json', 'model.safetensors.index.json'];
  const expected = { folder, files: [...others, ...shards].map((file) => join(folder, file)), openedBy: '.' };
  expect(await modelFiles(folder)).toEqual(expected);
  expect(await modelFiles(relative(process.cwd(), folder))).toEqual(expected);
});

test('the weights of a delta lie expanded in the cache, its other files in its own folder', async () => {
  vi.stubEnv('XDG_CACHE_HOME', cache());
  const own = builtInFolder('emoji-clip:sig')!;
  const { folder, files, openedBy } = await modelFiles('emoji-clip:sig');
  expect(files.every(isAbsolute)).toBe(true);
  expect(files.map((file) => basename(file))).toEqual(['open_clip_config.json', 'open_clip_model.safetensors']);
  expect(files[0]).toBe(join(own, 'open_clip_config.json'));
  expect(files[1]!.startsWith(cache())).toBe(true);
  expect([folder, openedBy]).toEqual([own, '.']);
});
